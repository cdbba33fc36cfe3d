import { OperandError } from '../diagnostic.ts'
import type { Graph } from '../graph.ts'
import type { Tensor, TensorType } from '../tensor.ts'

/** What becomes of one axis of an operand. */
export type AxisUse =
  /** Index i of the operand's axis reaches index i + offset of this axis of the result and no other. */
  | { readonly to: 'result'; readonly axis: number; readonly offset: number }
  /** Summed away against the operand axes of the same group. */
  | { readonly to: 'contracted'; readonly group: number }
  /** Anything else: positions of the result depend on several positions of this axis, or on data. */
  | { readonly to: 'mixed' }

/** Evaluates a region: its outputs from its inputs. */
export type RunRegion = (region: Graph, inputs: readonly Tensor[]) => Tensor[]

/** The facets of a core op with attributes A. `type` throws a TypeError that says what is wrong with the operands. */
export interface Facets<A> {
  readonly type: (operands: readonly TensorType[], attrs: A) => TensorType[]
  /** Plain and slow: the oracle of the tests, and the constant folder. Floats are accumulated in f64. Ops with regions want `run`. */
  readonly evaluate: (operands: readonly Tensor[], attrs: A, run?: RunRegion) => Tensor[]
  /** One entry for each axis of each operand. */
  readonly axes: (operands: readonly TensorType[], attrs: A) => AxisUse[][]
}

export function require(condition: boolean, what: string): asserts condition {
  if (!condition) throw new OperandError(what)
}

export const mixed: AxisUse = { to: 'mixed' }
export const toResult = (axis: number, offset = 0): AxisUse => ({ to: 'result', axis, offset })

export const mixedAxes = (rank: number): AxisUse[] => Array.from({ length: rank }, () => mixed)

/** Axes that lose `removed` and keep the others in order; the removed become `use`. */
export function withoutAxes(rank: number, removed: readonly number[], use: AxisUse): AxisUse[] {
  let next = 0
  return Array.from({ length: rank }, (_, i) => (removed.includes(i) ? use : toResult(next++)))
}

export function requireAxis(axis: number, rank: number): void {
  require(Number.isInteger(axis) && axis >= 0 && axis < rank, `axis ${axis} is not one of rank ${rank}`)
}

export function requireDistinctAxes(axes: readonly number[], rank: number): void {
  axes.forEach((axis) => requireAxis(axis, rank))
  require(new Set(axes).size === axes.length, `axes ${axes.join(',')} repeat`)
}
