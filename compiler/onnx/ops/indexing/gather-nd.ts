import type { OpContext, Operator } from '../../context.ts'
import { range } from '../../shared/axes.ts'
import { wrapIndexVectors } from '../../shared/indices.ts'

/** Slices at the index vectors along the last axis of the indices; the first `batch_dims` axes go in step. */
export const gatherNd: Operator = {
  floats: 'moved',
  keeps: (c, input, axis) =>
    input === 1 && axis >= c.int('batch_dims', 0) && axis < c.input(1).type.shape.length - 1 ? axis : undefined,
  strings: true,
  lower: (c: OpContext) => {
    const x = c.input(0)
    const { shape } = x.type
    const indexShape = c.input(1).type.shape
    const batch = c.int('batch_dims', 0)
    const end = batch + (indexShape.at(-1) ?? 0)
    c.check(
      batch >= 0 && indexShape.length > batch && end <= shape.length,
      `indices [${indexShape.join(',')}] do not fit [${shape.join(',')}]`,
    )
    const indexVectorDim = indexShape.length - 1
    return [
      c.b.gather(x, wrapIndexVectors(c, c.input(1), shape.slice(batch, end)), {
        offsetDims: range(indexVectorDim, indexVectorDim + shape.length - end),
        collapsedSliceDims: range(batch, end),
        operandBatchingDims: range(0, batch),
        startIndicesBatchingDims: range(0, batch),
        startIndexMap: range(batch, end),
        indexVectorDim,
        sliceSizes: shape.map((d, i) => (i < end ? 1 : d)),
      }),
    ]
  },
}
