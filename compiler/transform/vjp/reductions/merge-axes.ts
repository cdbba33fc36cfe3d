import type { Builder } from '../../../core/builder.ts'
import type { Value } from '../../../core/graph.ts'
import { elementCount } from '../../../core/shape.ts'

/** A tensor with several axes as one, their elements in row-major order. */
export interface Merged {
  readonly value: Value
  readonly axis: number
  /** Any tensor of the merged shape under the original axes. */
  readonly split: (x: Value) => Value
}

/** Without a copy where the axes are neighbours. */
export function mergeAxes(b: Builder, x: Value, axes: readonly number[]): Merged {
  const { shape } = x.type
  const sorted = [...axes].sort((p, q) => p - q)
  const first = sorted[0]!
  const kept = shape.map((_, i) => i).filter((i) => !axes.includes(i))
  const order = [...kept.filter((i) => i < first), ...sorted, ...kept.filter((i) => i > first)]
  const moved = order.map((i) => shape[i]!)
  const merged = moved.toSpliced(first, axes.length, elementCount(sorted.map((i) => shape[i]!)))
  return {
    value: b.reshape(b.transpose(x, order), merged),
    axis: first,
    split: (y) =>
      b.transpose(
        b.reshape(y, moved),
        shape.map((_, i) => order.indexOf(i)),
      ),
  }
}
