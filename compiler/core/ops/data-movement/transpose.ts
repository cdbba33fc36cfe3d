import { check } from '../../diagnostics/check.ts'
import { rowMajorStrides, walk } from '../../shape.ts'
import { zeros, type TensorType } from '../../tensor.ts'
import { checkDistinctAxes, sameAttributes, sameIndex, type Facets } from '../facets.ts'

export interface TransposeAttrs {
  /** Axis i of the result is axis perm[i] of the operand. */
  readonly perm: readonly number[]
}

export const transpose: Facets<TransposeAttrs> = {
  type: ([x], { perm }) => {
    check(x !== undefined, 'transpose wants one operand')
    check(perm.length === x.shape.length, `permutation of ${perm.length} axes on rank ${x.shape.length}`)
    checkDistinctAxes(perm, x.shape.length)
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
  indices: ([x], { perm }) => perm.map((axis, i) => sameIndex(x!, axis, i)),
  keep: sameAttributes,
}
