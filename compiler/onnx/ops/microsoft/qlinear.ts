import { dequantized, saturated } from '../../../core/scalar/quantization.ts'
import type { Expr } from '../../../core/scalar/expr.ts'
import type { Value } from '../../../core/graph.ts'
import type { OpContext, Operator } from '../../context.ts'
import { normalizeAxes, normalizeAxis, range } from '../../shared/axes.ts'
import * as f from '../../../core/scalar/formula.ts'
import {
  dequantize,
  quantize,
  quantizedInput,
  quantizedOutput,
  type Quantized,
  type Target,
} from '../../shared/quantization/quantization.ts'
import { softmax } from '../../shared/nn/softmax.ts'
import { leakyRelu } from '../../shared/nn/activation.ts'
import { averagePoolOf } from '../nn/average-pool.ts'

/** One map: the operands' real values, `formula` of them, and its quantized value. */
function requantized(
  c: OpContext,
  operands: readonly Quantized[],
  target: Target,
  formula: (...x: Expr[]) => Expr,
): Value {
  const flat = operands.flatMap(({ value, scale, zero }) => (zero ? [value, scale, zero] : [value, scale]))
  return c.b.map([...flat, target.scale, ...(target.zero ? [target.zero] : [])], (...args) => {
    const take = (): Expr => args.shift()!
    const real = operands.map(({ zero }) => dequantized(take(), take(), zero && take()))
    return saturated(f.div(formula(...real), take()), target.zero && take(), target.dtype)
  })
}

/** Inputs: x, its scale and zero point, scale and zero point of y. */
const unary = (formula: (x: Expr, c: OpContext) => Expr): Operator => ({
  lower: (c) => {
    const x = quantizedInput(c, 0)
    return [requantized(c, [x], quantizedOutput(c, 3, x.value.type.dtype), (e) => formula(e!, c))]
  },
})

/** Inputs: a, its scale and zero point, b, its scale and zero point, scale and zero point of the result. */
const binary = (formula: (a: Expr, b: Expr) => Expr): Operator => ({
  lower: (c) => {
    const a = quantizedInput(c, 0)
    const target = quantizedOutput(c, 6, a.value.type.dtype)
    return [requantized(c, [a, quantizedInput(c, 3)], target, (x, y) => formula(x!, y!))]
  },
})

/** `pool` of the real values of input 0 with its channels on axis 1, where they may be last (attribute channels_last). */
const pooling = (pool: (c: OpContext, x: Value) => Value): Operator => ({
  lower: (c) => {
    const x = quantizedInput(c, 0)
    const target = quantizedOutput(c, 3, x.value.type.dtype)
    const rank = x.value.type.shape.length
    const real = dequantize(c, x)
    if (c.int('channels_last', 0) === 0) return [quantize(c, pool(c, real), target)]
    const pooled = pool(c, c.b.transpose(real, [0, rank - 1, ...range(1, rank - 1)]))
    return [quantize(c, c.b.transpose(pooled, [0, ...range(2, rank), 1]), target)]
  },
})

/** Inputs: scale and zero point of y, then each operand with its own. */
const concat: Operator = {
  lower: (c) => {
    const operands = range(0, Math.floor((c.inputs.length - 2) / 3)).map((i) => quantizedInput(c, 2 + 3 * i))
    const [first] = operands
    if (!first) c.unsupported('no operands')
    const target = quantizedOutput(c, 0, first.value.type.dtype)
    const axis = normalizeAxis(c, c.int('axis'), first.value.type.shape.length)
    return [
      c.b.concatenate(
        operands.map((x) => requantized(c, [x], target, (e) => e!)),
        axis,
      ),
    ]
  },
}

/** Attribute opset says whose Softmax it is: before 13 the axes from `axis` on are one. */
const quantizedSoftmax: Operator = {
  lower: (c) => {
    const x = quantizedInput(c, 0)
    const rank = x.value.type.shape.length
    const axis = normalizeAxis(c, c.int('axis', -1), rank)
    const axes = c.int('opset') < 13 ? range(axis, rank) : [axis]
    return [quantize(c, softmax(c.b, dequantize(c, x), axes), quantizedOutput(c, 3, x.value.type.dtype))]
  },
}

/** The mean over attribute `axes`, all unless given. */
const reduceMean: Operator = {
  lower: (c) => {
    const x = quantizedInput(c, 0)
    const rank = x.value.type.shape.length
    const axes = normalizeAxes(c, c.ints('axes', range(0, rank)), rank)
    const mean = c.b.mean(dequantize(c, x), axes, c.int('keepdims', 1) !== 0)
    return [quantize(c, mean, quantizedOutput(c, 3, x.value.type.dtype))]
  },
}

/** Inputs: condition, x and y with their scales and zero points, scale and zero point of the result. */
const where: Operator = {
  lower: (c) => {
    const [x, y] = [quantizedInput(c, 1), quantizedInput(c, 4)]
    const target = quantizedOutput(c, 7, x.value.type.dtype)
    const [left, right] = [x, y].map((operand) => requantized(c, [operand], target, (e) => e!))
    return [c.b.select(c.input(0), left!, right!)]
  },
}

/** onnxruntime's operators on quantized tensors (ContribOperators.md). */
export const qlinearOperators: Readonly<Record<string, Operator>> = {
  'com.microsoft.QLinearAdd': binary(f.add),
  'com.microsoft.QLinearAveragePool': pooling(averagePoolOf),
  'com.microsoft.QLinearConcat': concat,
  'com.microsoft.QLinearGlobalAveragePool': pooling((c, x) => c.b.mean(x, range(2, x.type.shape.length), true)),
  'com.microsoft.QLinearLeakyRelu': unary((x, c) => leakyRelu(x, c.float('alpha', 0.01))),
  'com.microsoft.QLinearMul': binary(f.mul),
  'com.microsoft.QLinearReduceMean': reduceMean,
  'com.microsoft.QLinearSigmoid': unary(f.sigmoid),
  'com.microsoft.QLinearSoftmax': quantizedSoftmax,
  'com.microsoft.QLinearWhere': where,
}
