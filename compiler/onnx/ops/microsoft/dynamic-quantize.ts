import { convert } from '../../../core/scalar/expr.ts'
import type { Value } from '../../../core/graph.ts'
import type { OpContext, Operator } from '../../context.ts'
import * as f from '../../../core/scalar/formula.ts'
import { difference, integerMatmul, type IntegerProduct } from '../../shared/quantization/integer.ts'
import { parameter } from '../../shared/quantization/quantization.ts'
import { dynamicallyQuantized } from '../quantization/dynamic-quantize-linear.ts'

/** Scale of x (one) times scale of w (one, or one for each column) times the integer product, plus the bias if there is one. */
export function dequantizedProduct(
  c: OpContext,
  product: IntegerProduct,
  xScale: Value,
  wScale: Value,
  bias: Value | undefined,
): Value {
  const { b } = c
  const sum = difference(b, product)
  const rank = sum.type.shape.length
  const scale = b.binary('mul', parameter(c, xScale, rank - 2, rank), parameter(c, wScale, rank - 1, rank))
  return b.map([sum, scale, ...(bias ? [bias] : [])], (n, s, added) => {
    const real = f.mul(convert(n, s.dtype), s)
    return added ? f.add(real, added) : real
  })
}

/** Inputs: a in floats, b, its scale and zero point, bias (ContribOperators.md). */
export const dynamicQuantizeMatMul: Operator = {
  lower: (c) => {
    const a = dynamicallyQuantized(c, c.input(0))
    const product = integerMatmul(c, a.value, a.zero, c.input(1), c.inputs[3])
    return [dequantizedProduct(c, product, a.scale, c.input(2), c.inputs[4])]
  },
}

/** Inputs: a, b, their scales, their zero points, bias (ContribOperators.md). */
export const matMulIntegerToFloat: Operator = {
  lower: (c) => {
    const product = integerMatmul(c, c.input(0), c.inputs[4], c.input(1), c.inputs[5])
    return [dequantizedProduct(c, product, c.input(2), c.input(3), c.inputs[6])]
  },
}
