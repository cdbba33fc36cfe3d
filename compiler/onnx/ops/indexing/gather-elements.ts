import type { OpContext, Operator } from '../../context.ts'
import { normalizeAxis, range } from '../../shared/axes.ts'
import { wrapIndices } from '../../shared/indices.ts'

/** result[i, j, k] = x[indices[i, j, k], j, k] for axis 0. */
export const gatherElements: Operator = {
  floats: 'moved',
  strings: true,
  lower: (c: OpContext) => {
    const x = c.input(0)
    const { shape } = x.type
    const axis = normalizeAxis(c, c.int('axis', 0), shape.length)
    const indices = wrapIndices(c, c.input(1), shape[axis]!)
    c.check(indices.type.shape.length === shape.length, 'data and indices differ in rank')
    const others = range(0, shape.length).filter((i) => i !== axis)
    // Other axes may be shorter in the indices than in the data.
    const part = c.b.slice(
      x,
      shape.map(() => 0),
      shape.map((d, i) => (i === axis ? d : indices.type.shape[i]!)),
    )
    return [
      c.b.gather(part, indices, {
        offsetDims: [],
        collapsedSliceDims: [axis],
        operandBatchingDims: others,
        startIndicesBatchingDims: others,
        startIndexMap: [axis],
        indexVectorDim: shape.length,
        sliceSizes: shape.map(() => 1),
      }),
    ]
  },
}
