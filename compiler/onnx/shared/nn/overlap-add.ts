import type { Builder } from '../../../core/builder.ts'
import * as f from '../../../core/scalar/formula.ts'
import type { Value } from '../../../core/graph.ts'
import type { WindowAxis } from '../../../core/ops/window.ts'
import type { Shape } from '../../../core/shape.ts'
import { range } from '../axes.ts'

/** Along one axis element k of the block at position p lies at p · stride + k · dilation − low of the image. */
export type BlockAxis = Pick<WindowAxis, 'size' | 'stride' | 'dilation' | 'low'>

/**
 * An image [batch, channel, …image] of the sums of `columns`, which hold batch, channel, element of the block and position
 * of the block in row-major order. Elements outside the image are left out. Axis after axis: a table of places for all of
 * them at once would be as long as the columns of a channel.
 */
export function overlapAdd(
  b: Builder,
  columns: Value,
  { batch, channels, positions, image }: { batch: number; channels: number; positions: Shape; image: Shape },
  axes: readonly BlockAxis[],
): Value {
  const sizes = axes.map(({ size }) => size)
  let sums = b.reshape(columns, [batch, channels, ...sizes, ...positions])
  for (let axis = image.length - 1; axis >= 0; axis--) {
    const { size, stride, dilation, low } = axes[axis]!
    const table = [size, positions[axis]!, 1]
    const places = b.map([b.iota('i32', table, 0), b.iota('i32', table, 1)], (k, p) =>
      f.sub(f.add(f.mul(p, stride), f.mul(k, dilation)), low),
    )
    // Before the axes of the image that are done stand those of the block and the position that are not.
    const [element, position, added] = [2 + axis, 3 + 2 * axis, 2 + 2 * axis]
    const done = image.slice(axis)
    const shape = [batch, channels, ...sizes.slice(0, axis), ...positions.slice(0, axis), ...done]
    sums = b.scatter(b.full(0, columns.type.dtype, shape), places, sums, {
      kind: 'add',
      updateWindowDims: range(0, shape.length + 1).filter((i) => i !== element && i !== position),
      insertedWindowDims: [added],
      inputBatchingDims: [],
      scatterIndicesBatchingDims: [],
      scatterDimsToOperandDims: [added],
      indexVectorDim: 2,
    })
  }
  return sums
}
