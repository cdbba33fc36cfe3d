import { SizeError } from '../../core/diagnostics/diagnostic.ts'
import { currentBudget } from '../../core/diagnostics/budget.ts'
import type { Value } from '../../core/graph.ts'
import type { OpContext } from '../context.ts'

/** Axis `axis` of a tensor of this rank, counted from the end where it is negative. */
export function normalizeAxis(c: OpContext, axis: number, rank: number): number {
  c.check(axis >= -rank && axis < rank, `axis ${axis} is not one of rank ${rank}`)
  return axis < 0 ? axis + rank : axis
}

/** Distinct axes in ascending order. */
export function normalizeAxes(c: OpContext, axes: readonly number[], rank: number): number[] {
  const result = axes.map((axis) => normalizeAxis(c, axis, rank)).sort((a, b) => a - b)
  c.check(new Set(result).size === result.length, `axes [${axes.join(',')}] repeat`)
  return result
}

/** first, first + 1, … below `end`; a RangeError for more than any list of axes or places can sensibly have. */
export function range(first: number, end: number): number[] {
  const length = Math.max(0, end - first)
  if (length > 2 ** 24) throw new SizeError(`a list from ${first} to ${end}`)
  currentBudget()?.spend('tables', 8 * length)
  return Array.from({ length }, (_, i) => first + i)
}

/** A vector that broadcasts along `axis` of a tensor of this rank. */
export const alongAxis = (c: OpContext, vector: Value, axis: number, rank: number): Value =>
  c.b.reshape(vector, [...vector.type.shape, ...new Array<number>(rank - axis - 1).fill(1)])
