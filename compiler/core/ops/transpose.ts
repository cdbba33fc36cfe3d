import { rowMajorStrides, walk } from '../shape.ts'
import { zeros, type TensorType } from '../tensor.ts'
import { require, requireDistinctAxes, toResult, type Facets } from './facets.ts'

export interface TransposeAttrs {
  /** Axis i of the result is axis perm[i] of the operand. */
  readonly perm: readonly number[]
}

export const transpose: Facets<TransposeAttrs> = {
  type: ([x], { perm }) => {
    require(x !== undefined, 'transpose wants one operand')
    require(perm.length === x.shape.length, `permutation of ${perm.length} axes on rank ${x.shape.length}`)
    requireDistinctAxes(perm, x.shape.length)
    return [{ dtype: x.dtype, shape: perm.map((p) => x.shape[p]!) }]
  },
  evaluate: ([x], attrs) => {
    const [type] = transpose.type([x!], attrs) as [TensorType]
    const result = zeros(type.dtype, type.shape)
    const strides = rowMajorStrides(x!.shape)
    let at = 0
    walk(type.shape, [attrs.perm.map((p) => strides[p]!)], ([from]) => {
      result.data[at++] = x!.data[from!]!
    })
    return [result]
  },
  axes: ([x], { perm }) => [x!.shape.map((_, i) => toResult(perm.indexOf(i)))],
}
