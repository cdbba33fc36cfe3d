import { convert } from '../../../core/scalar/expr.ts'
import type { Value } from '../../../core/graph.ts'
import type { Operator } from '../../context.ts'
import * as f from '../../../core/scalar/formula.ts'
import { difference, integerMatmul } from '../../shared/quantization/integer.ts'
import { parameter } from '../../shared/quantization/quantization.ts'
import { requantize } from '../quantization/integer-products.ts'

/**
 * Inputs: a, its scale and zero point, b, its scale and zero point, bias in i32 (at scale a · scale b), scale and zero point
 * of y, without which y is f32. y = alpha (A' B' + bias), where ' transposes (ContribOperators.md).
 */
export const qGemm: Operator = {
  lower: (c) => {
    const { b } = c
    const operand = (i: number, attribute: string): Value =>
      c.int(attribute, 0) === 0 ? c.input(i) : b.transpose(c.input(i), [1, 0])
    const columns = (v: Value): Value => parameter(c, v, 1, 2)
    const product = integerMatmul(c, operand(0, 'transA'), c.input(2), operand(3, 'transB'), c.input(5))
    const alpha = c.float('alpha', 1)
    const scale = b.map([columns(c.input(1)), columns(c.input(4))], (x, y) => f.mul(f.mul(x, y), alpha))
    if (c.inputs[7])
      return [requantize(c, product, c.inputs[6], b.binary('div', scale, columns(c.inputs[7])), c.input(8))]
    const operands = [difference(b, product), scale, ...(c.inputs[6] ? [c.inputs[6]] : [])]
    return [b.map(operands, (sum, s, ...bias) => f.mul(convert(bias[0] ? f.add(sum, bias[0]) : sum, s.dtype), s))]
  },
}
