import { convert } from '../../../core/scalar/expr.ts'
import type { Value } from '../../../core/graph.ts'
import type { OpContext, Operator } from '../../context.ts'
import { alongAxis } from '../../shared/axes.ts'
import * as f from '../../../core/scalar/formula.ts'
import {
  difference,
  integerConvolution,
  integerMatmul,
  type IntegerProduct,
} from '../../shared/quantization/integer.ts'
import { saturated } from '../../../core/scalar/quantization.ts'
import { nonzero, parameter } from '../../shared/quantization/quantization.ts'

export const matMulInteger: Operator = {
  lower: (c) => [difference(c.b, integerMatmul(c, c.input(0), c.inputs[2], c.input(1), c.inputs[3]))],
}

export const convInteger: Operator = {
  lower: (c) => [difference(c.b, integerConvolution(c, c.input(0), c.inputs[2], c.input(1), c.inputs[3]))],
}

/**
 * saturate(round((sum - offset + bias) · multiplier) + zero): the i32 sum, then all in f32. What does not depend on the sum
 * is put together first.
 */
export function requantize(
  c: OpContext,
  p: IntegerProduct,
  bias: Value | undefined,
  multiplier: Value,
  zero: Value,
): Value {
  const { b } = c
  const { dtype } = zero.type
  const shift = nonzero(zero)
  const negated = p.offset && b.unary('neg', p.offset)
  const addend = negated && bias ? b.binary('add', negated, bias) : (negated ?? bias)
  const operands = [p.sum, multiplier, ...(addend ? [addend] : []), ...(shift ? [shift] : [])]
  return b.map(operands, (sum, m, ...others) => {
    const total = addend ? f.add(sum, others[0]!) : sum
    return saturated(f.mul(convert(total, m.dtype), m), shift && others.at(-1)!, dtype)
  })
}

/** Scale of x · scale of w / scale of y. */
const multiplierOf = (c: OpContext, x: Value, w: Value, y: Value): Value =>
  c.b.map([x, w, y], (a, b, d) => f.div(f.mul(a, b), d))

/** The convolution of `x`, which is input 0 with its channels on axis 1; the other inputs are QLinearConv's. */
export function quantizedConvolution(c: OpContext, x: Value): Value {
  const rank = x.type.shape.length
  const perChannel = (v: Value): Value => parameter(c, v, 1, rank)
  const product = integerConvolution(c, x, c.input(2), c.input(3), c.input(5))
  const multiplier = multiplierOf(c, perChannel(c.input(1)), perChannel(c.input(4)), perChannel(c.input(6)))
  const bias = c.inputs[8] && alongAxis(c, c.inputs[8], 1, rank)
  return requantize(c, product, bias, multiplier, c.b.reshape(c.input(7), []))
}

/** Inputs: x, its scale and zero point, w, its scale and zero point, scale and zero point of y, bias. */
export const qLinearConv: Operator = { lower: (c) => [quantizedConvolution(c, c.input(0))] }

/** Inputs as those of QLinearConv, without bias. Parameters of a and y may be one for each row, those of b one for each column. */
export const qLinearMatMul: Operator = {
  lower: (c) => {
    const [aRank, bRank] = [c.input(0).type.shape.length, c.input(3).type.shape.length]
    const perRow = (v: Value): Value => parameter(c, v, aRank - 2, aRank)
    const product = integerMatmul(c, c.input(0), c.input(2), c.input(3), c.input(5))
    const multiplier = multiplierOf(
      c,
      perRow(c.input(1)),
      parameter(c, c.input(4), bRank - 1, bRank),
      perRow(c.input(6)),
    )
    return [requantize(c, product, undefined, multiplier, perRow(c.input(7)))]
  },
}
