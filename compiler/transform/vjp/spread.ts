import type { Builder } from '../../core/builder.ts'
import type { Value } from '../../core/graph.ts'
import { spreadLength } from '../../core/ops/window.ts'
import { elementCount } from '../../core/shape.ts'

/** The elements of `x` `every` apart along an axis, with `fill` between them (the interior padding of StableHLO's pad). */
export function spreadAxis(b: Builder, x: Value, axis: number, every: number, fill: Value): Value {
  const { shape } = x.type
  const length = shape[axis]!
  if (every === 1 || length <= 1) return x
  const split = b.reshape(x, shape.toSpliced(axis + 1, 0, 1))
  const none = split.type.shape.map(() => 0)
  const padded = b.pad(split, fill, none, none.with(axis + 1, every - 1))
  return b.sliceAxis(b.reshape(padded, shape.with(axis, length * every)), axis, 0, spreadLength(length, every))
}

/** `x` with `low` and `high` elements of `fill` beside it along each axis; negative ones are cut off. */
export function padOrCut(b: Builder, x: Value, fill: Value, low: readonly number[], high: readonly number[]): Value {
  const cut = b.slice(
    x,
    low.map((n) => Math.max(0, -n)),
    x.type.shape.map((d, i) => d + Math.min(0, low[i]!) + Math.min(0, high[i]!)),
  )
  return b.pad(
    cut,
    fill,
    low.map((n) => Math.max(0, n)),
    high.map((n) => Math.max(0, n)),
  )
}

export const isEmpty = (x: Value): boolean => elementCount(x.type.shape) === 0
