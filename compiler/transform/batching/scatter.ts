import { isBatched, leading, shifted, withLeading } from './forms.ts'
import type { Operand, Rule } from './rule.ts'

/** Samples go their own ways; at the same places for all they are one more axis of each window. */
export const scatter: Rule<'scatter'> = (c, { attrs }, operands) => {
  const [x, indices, updates] = operands as [Operand, Operand, Operand]
  const wide = {
    ...attrs,
    updateWindowDims: shifted(attrs.updateWindowDims, 1),
    insertedWindowDims: shifted(attrs.insertedWindowDims, 1),
    inputBatchingDims: shifted(attrs.inputBatchingDims, 1),
    scatterDimsToOperandDims: shifted(attrs.scatterDimsToOperandDims, 1),
  }
  const [whole, given] = [withLeading(c, x), withLeading(c, updates)]
  if (!isBatched(indices)) {
    const windows = { updateWindowDims: [0, ...wide.updateWindowDims] }
    return [leading(c.b.scatter(whole, indices.value, given, { ...wide, ...windows }))]
  }
  const result = c.b.scatter(whole, withLeading(c, indices), given, {
    ...wide,
    inputBatchingDims: [0, ...wide.inputBatchingDims],
    scatterIndicesBatchingDims: [0, ...shifted(attrs.scatterIndicesBatchingDims, 1)],
    indexVectorDim: attrs.indexVectorDim + 1,
  })
  return [leading(result)]
}
