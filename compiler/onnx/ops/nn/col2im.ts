import { windowShape } from '../../../core/ops/window.ts'
import { elementCount } from '../../../core/shape.ts'
import type { OpContext, Operator } from '../../context.ts'
import { overlapAdd } from '../../shared/nn/overlap-add.ts'
import { spatialWindows } from '../../shared/nn/window.ts'

/** Adds columns [batch, channel · block, block position] up where their blocks lie in the image. */
export const col2Im: Operator = {
  since: 18,
  lower: (c: OpContext) => {
    const columns = c.input(0)
    const image = c.constantInts(1)
    const block = c.constantInts(2)
    const { axes } = spatialWindows(c, image, block)
    const positions = windowShape(image, axes)
    const [batch = 0, height = 0, width = 0] = columns.type.shape
    const channels = height / elementCount(block)
    c.check(
      Number.isInteger(channels) && width === elementCount(positions),
      `columns [${columns.type.shape.join(',')}] for blocks [${block.join(',')}] at [${positions.join(',')}]`,
    )
    return [overlapAdd(c.b, columns, { batch, channels, positions, image }, axes)]
  },
}
