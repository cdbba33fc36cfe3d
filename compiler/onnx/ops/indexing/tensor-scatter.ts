import type { OpContext, Operator } from '../../context.ts'
import { normalizeAxis, range } from '../../shared/axes.ts'
import * as f from '../../../core/scalar/formula.ts'

/** `update` in place of as many elements along `axis`, from an index on that each example of the batch has for itself. */
export const tensorScatter: Operator = {
  since: 24,
  floats: 'moved',
  lower: (c: OpContext) => {
    const { b } = c
    const past = c.input(0)
    const update = c.input(1)
    const { shape } = past.type
    const axis = normalizeAxis(c, c.int('axis', -2), shape.length)
    c.check(axis > 0, 'the axis is that of the batch')
    const mode = c.string('mode', 'linear')
    c.check(mode === 'linear' || mode === 'circular', `mode is "${mode}"`)
    const [batch = 0] = shape
    const size = shape[axis]!
    const length = update.type.shape[axis]!
    c.check(length <= size, `${length} elements in place of ${size}`)
    if (length === 0) return [past]
    const first = c.inputs[2] ? b.reshape(c.inputs[2], [batch, 1]) : b.full(0, 'i64', [batch, 1])
    const source = b.map([b.iota(first.type.dtype, [size], 0), first], (i, start) => {
      const distance = f.sub(i, start)
      return mode === 'linear' ? distance : f.rem(f.add(f.rem(distance, size), size), size)
    })
    const others = range(1, shape.length).filter((i) => i !== axis)
    const taken = b.gather(update, source, {
      offsetDims: others,
      collapsedSliceDims: [axis],
      operandBatchingDims: [0],
      startIndicesBatchingDims: [0],
      startIndexMap: [axis],
      indexVectorDim: 2,
      sliceSizes: update.type.shape.map((d, i) => (i === 0 || i === axis ? 1 : d)),
    })
    const written = b.map([source], (i) => f.and(f.ge(i, 0), f.lt(i, length)))
    const mask = b.broadcastInDim(written, shape, [0, axis])
    return [b.select(mask, taken, past)]
  },
}
