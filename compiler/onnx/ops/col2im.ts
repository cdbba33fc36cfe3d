import { windowShape } from '../../core/ops/window.ts'
import { elementCount } from '../../core/shape.ts'
import type { OpContext, Operator } from '../context.ts'
import { range } from '../shared/axes.ts'
import * as f from '../../core/formula.ts'
import { spatialWindows } from '../shared/window.ts'

/** Adds columns [batch, channel · block, block position] up where their blocks lie in the image. */
export const col2Im: Operator = {
  since: 18,
  lower: (c: OpContext) => {
    const { b } = c
    const columns = c.input(0)
    const image = c.constantInts(1)
    const block = c.constantInts(2)
    const rank = image.length
    const { axes } = spatialWindows(c, image, block)
    const positions = windowShape(image, axes)
    const [batch = 0, height = 0, width = 0] = columns.type.shape
    const channels = height / elementCount(block)
    c.check(
      Number.isInteger(channels) && width === elementCount(positions),
      `columns [${columns.type.shape.join(',')}] for blocks [${block.join(',')}] at [${positions.join(',')}]`,
    )
    const walk = [...block, ...positions]
    const places = axes.map(({ stride, dilation, low }, axis) => {
      const operands = [b.iota('i32', [...walk, 1], axis), b.iota('i32', [...walk, 1], rank + axis)]
      return b.map(operands, (k, p) => f.sub(f.add(f.mul(p, stride), f.mul(k, dilation)), low))
    })
    const { dtype } = columns.type
    return [
      b.scatter(
        b.full(0, dtype, [batch, channels, ...image]),
        b.concatenate(places, walk.length),
        b.reshape(columns, [batch, channels, ...walk]),
        {
          kind: 'add',
          updateWindowDims: [0, 1],
          insertedWindowDims: range(2, rank + 2),
          inputBatchingDims: [],
          scatterIndicesBatchingDims: [],
          scatterDimsToOperandDims: range(2, rank + 2),
          indexVectorDim: walk.length,
        },
      ),
    ]
  },
}
