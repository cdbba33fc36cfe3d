import { check } from '../../diagnostics/check.ts'
import { rowMajorStrides, walk } from '../../shape.ts'
import { formatType, zeros, type TensorType } from '../../tensor.ts'
import { checkAxis, inOperand, inResult, sameAttributes, type Facets, type Index } from '../facets.ts'

export interface ConcatenateAttrs {
  readonly axis: number
}

/** The operands one after another along `axis`. */
export const concatenate: Facets<ConcatenateAttrs> = {
  type: (operands, { axis }) => {
    const [first] = operands
    check(first !== undefined, 'concatenate wants at least one operand')
    checkAxis(axis, first.shape.length)
    for (const o of operands) {
      const fits = o.dtype === first.dtype && o.shape.length === first.shape.length
      check(
        fits && o.shape.every((d, i) => i === axis || d === first.shape[i]),
        `${formatType(o)} does not fit ${formatType(first)}`,
      )
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
  indices: (operands, { axis }) => {
    const [first] = operands
    const length = operands.reduce((sum, o) => sum + o.shape[axis]!, 0)
    const others = first!.shape.flatMap((extent, i): Index[] => {
      const each = operands.map((_, k) => inOperand(k, i, extent))
      return i === axis ? [] : [{ extent, places: [...each, inResult(0, i, extent)] }]
    })
    let offset = 0
    const parts = operands.map((o, k): Index => {
      const extent = o.shape[axis]!
      const target = inResult(0, axis, length, { offset })
      offset += extent
      return { extent, places: [inOperand(k, axis, extent), target] }
    })
    return [...others, ...parts]
  },
  keep: sameAttributes,
}
