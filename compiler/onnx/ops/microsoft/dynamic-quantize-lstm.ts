import type { Value } from '../../../core/graph.ts'
import type { OpContext, Operator } from '../../context.ts'
import { integerMatmul } from '../../shared/quantization/integer.ts'
import { ofDirection } from '../../shared/nn/recurrent.ts'
import { dynamicallyQuantized } from '../quantization/dynamic-quantize-linear.ts'
import { lowerLstm } from '../nn/recurrent.ts'
import { dequantizedProduct } from './dynamic-quantize.ts'

/**
 * LSTM whose weights are in 8 bits, [directions, size, gates · hidden]; inputs of all steps, and the states of each, are quantized as
 * they come. Inputs 8 to 11: scale and zero point of the weights, and of the recurrent ones, for each direction or each of its columns.
 */
export const dynamicQuantizeLstm: Operator = {
  limits: 'where sequences are of unequal lengths, ranges take in other steps than onnxruntime’s',
  lower: (c: OpContext) => {
    const { b } = c
    const parameter = (i: number, d: number): Value => {
      const v = c.input(i)
      return v.type.shape.length === 2 ? ofDirection(b, v, d) : b.sliceAxis(v, 0, d, 1)
    }
    const product = (x: Value, weights: number, first: number, d: number): Value => {
      const { value, scale, zero } = dynamicallyQuantized(c, x)
      const sum = integerMatmul(c, value, zero, ofDirection(b, c.input(weights), d), parameter(first + 1, d))
      return dequantizedProduct(c, sum, scale, parameter(first, d), undefined)
    }
    return lowerLstm(c, {
      hidden: c.input(2).type.shape[1] ?? 0,
      input: (x, d) => product(x, 1, 8, d),
      recurrent: (state, d) => product(state, 2, 10, d),
    })
  },
}
