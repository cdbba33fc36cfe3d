import type { Builder } from '../../core/builder.ts'
import type { Value } from '../../core/graph.ts'

/** Zeros to which each element of `x` is added at its place along `axis`, which `places`, i32 of its shape, tells. */
export function scatterAlong(b: Builder, x: Value, places: Value, axis: number): Value {
  const { shape, dtype } = x.type
  const others = shape.map((_, i) => i).filter((i) => i !== axis)
  return b.scatter(b.full(0, dtype, shape), places, x, {
    kind: 'add',
    updateWindowDims: [],
    insertedWindowDims: [axis],
    inputBatchingDims: others,
    scatterIndicesBatchingDims: others,
    scatterDimsToOperandDims: [axis],
    indexVectorDim: shape.length,
  })
}
