import { rowMajorStrides, walk } from '../shape.ts'
import { formatType, zeros, type TensorType } from '../tensor.ts'
import { require, requireAxis, toResult, type Facets } from './facets.ts'

export interface ConcatenateAttrs {
  readonly axis: number
}

/** The operands one after another along `axis`. */
export const concatenate: Facets<ConcatenateAttrs> = {
  type: (operands, { axis }) => {
    const [first] = operands
    require(first !== undefined, 'concatenate wants at least one operand')
    requireAxis(axis, first.shape.length)
    for (const o of operands) {
      const fits = o.dtype === first.dtype && o.shape.length === first.shape.length
      require(fits &&
        o.shape.every(
          (d, i) => i === axis || d === first.shape[i],
        ), `${formatType(o)} does not fit ${formatType(first)}`)
    }
    const length = operands.reduce((sum, o) => sum + o.shape[axis]!, 0)
    return [{ dtype: first.dtype, shape: first.shape.map((d, i) => (i === axis ? length : d)) }]
  },
  evaluate: (operands, attrs) => {
    const [type] = concatenate.type(operands, attrs) as [TensorType]
    const result = zeros(type.dtype, type.shape)
    const strides = rowMajorStrides(type.shape)
    let base = 0
    for (const o of operands) {
      let from = 0
      walk(
        o.shape,
        [strides],
        ([to]) => {
          result.data[to!] = o.data[from++]!
        },
        [base],
      )
      base += o.shape[attrs.axis]! * strides[attrs.axis]!
    }
    return [result]
  },
  axes: (operands, { axis }) => {
    let offset = 0
    return operands.map((o) => {
      const before = offset
      offset += o.shape[axis]!
      return o.shape.map((_, i) => toResult(i, i === axis ? before : 0))
    })
  },
}
