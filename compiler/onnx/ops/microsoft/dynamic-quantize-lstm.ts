import type { Builder } from '../../../core/builder.ts'
import type { Value } from '../../../core/graph.ts'
import type { OpContext, Operator } from '../../context.ts'
import { integerMatmul } from '../../shared/quantization/integer.ts'
import { ofDirection } from '../../shared/nn/recurrent.ts'
import { dynamicallyQuantized } from '../quantization/dynamic-quantize-linear.ts'
import { lowerLstm } from '../nn/recurrent.ts'
import { dequantizedProduct } from './dynamic-quantize.ts'
import * as f from '../../../core/scalar/formula.ts'

/** `x`, [steps, batch, size], with 0 from step `end`, i32[], on. */
function until(b: Builder, x: Value, end: Value): Value {
  const step = b.iota('i32', [x.type.shape[0]!, 1, 1], 0)
  return b.map([x, step, end], (e, t, n) => f.select(f.lt(t, n), e, 0))
}

/**
 * LSTM whose weights are in 8 bits, [directions, size, gates · hidden]; inputs of all steps, and the states of each, are quantized as
 * they come. Inputs 8 to 11: scale and zero point of the weights, and of the recurrent ones, for each direction or each of its columns.
 */
export const dynamicQuantizeLstm: Operator = {
  lower: (c: OpContext) => {
    const { b } = c
    const parameter = (i: number, d: number): Value => {
      const v = c.input(i)
      return v.type.shape.length === 2 ? ofDirection(b, v, d) : b.sliceAxis(v, 0, d, 1)
    }
    const product = (x: Value, weights: number, first: number, d: number, seen = x): Value => {
      const { value, scale, zero } = dynamicallyQuantized(c, x, seen)
      const sum = integerMatmul(c, value, zero, ofDirection(b, c.input(weights), d), parameter(first + 1, d))
      return dequantizedProduct(c, sum, scale, parameter(first, d), undefined)
    }
    return lowerLstm(c, {
      hidden: c.input(2).type.shape[1] ?? 0,
      input: (x, d, walked) => product(x, 1, 8, d, walked && until(b, x, walked)),
      recurrent: (state, d) => product(state, 2, 10, d),
    })
  },
}
