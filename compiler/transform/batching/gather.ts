import type { GatherAttrs } from '../../core/ops/data-movement/gather.ts'
import { along, isBatched, leading, sampleShape, shifted, withLeading } from './forms.ts'
import type { Context, Operand, Rule } from './rule.ts'

/** Samples of the operand are in every slice, those of the indices are places more, and with both each has its own. */
export const gather: Rule<'gather'> = (c, { attrs }, operands) => {
  const [x, indices] = operands as [Operand, Operand]
  if (!isBatched(indices)) return ofOperand(c, attrs, x, indices)
  if (!isBatched(x)) return ofIndices(c, attrs, x, indices)
  const result = c.b.gather(withLeading(c, x), withLeading(c, indices), {
    ...shiftedAxes(attrs),
    operandBatchingDims: [0, ...shifted(attrs.operandBatchingDims, 1)],
    startIndicesBatchingDims: [0, ...shifted(attrs.startIndicesBatchingDims, 1)],
    indexVectorDim: attrs.indexVectorDim + 1,
    sliceSizes: [1, ...attrs.sliceSizes],
  })
  return [leading(result)]
}

/** With an axis more at the front of operand and result. */
const shiftedAxes = (attrs: GatherAttrs): GatherAttrs => ({
  ...attrs,
  offsetDims: shifted(attrs.offsetDims, 1),
  collapsedSliceDims: shifted(attrs.collapsedSliceDims, 1),
  operandBatchingDims: shifted(attrs.operandBatchingDims, 1),
  startIndexMap: shifted(attrs.startIndexMap, 1),
})

function ofOperand(c: Context, attrs: GatherAttrs, x: Operand, indices: Operand): Operand[] {
  const { collapsedSliceDims, operandBatchingDims, startIndexMap, offsetDims, sliceSizes } = attrs
  const named = [...collapsedSliceDims, ...operandBatchingDims, ...startIndexMap]
  const keepsFirst = offsetDims[0] === 0 && sliceSizes[0] === 1 && !named.includes(0)
  return along(c, x, keepsFirst, (value, form) => {
    if (form === 'first')
      return [c.b.gather(value, indices.value, { ...attrs, sliceSizes: sliceSizes.with(0, c.size) })]
    const wide = shiftedAxes(attrs)
    const slices = { offsetDims: [0, ...wide.offsetDims], sliceSizes: [c.size, ...sliceSizes] }
    return [c.b.gather(value, indices.value, { ...wide, ...slices })]
  })
}

function ofIndices(c: Context, attrs: GatherAttrs, x: Operand, indices: Operand): Operand[] {
  const { offsetDims, startIndicesBatchingDims, indexVectorDim } = attrs
  const hasFirst = sampleShape(indices).length > 0 && indexVectorDim !== 0
  const keepsFirst = hasFirst && !offsetDims.includes(0) && !startIndicesBatchingDims.includes(0)
  return along(c, indices, keepsFirst, (value, _, before) => [
    c.b.gather(x.value, value, {
      ...attrs,
      offsetDims: shifted(offsetDims, before),
      startIndicesBatchingDims: shifted(startIndicesBatchingDims, before),
      indexVectorDim: indexVectorDim + before,
    }),
  ])
}
