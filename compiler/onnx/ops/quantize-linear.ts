import { isFloat, type DType } from '../../core/dtype.ts'
import { convert } from '../../core/expr.ts'
import type { OpContext, Operator } from '../context.ts'
import * as f from '../../core/formula.ts'
import { saturated } from '../../core/quantization.ts'
import { linear } from '../shared/quantization.ts'

/** The result's dtype: the zero point's, or attribute output_dtype (0 is none), or u8. */
function resultType(c: OpContext): DType {
  const zero = c.inputs[2]
  if (zero) return zero.type.dtype
  return c.int('output_dtype', 0) === 0 ? 'u8' : c.dtype('output_dtype')
}

export const quantizeLinear: Operator = {
  lower: (c: OpContext) => {
    const x = c.input(0)
    const scale = c.input(1)
    const dtype = resultType(c)
    if (!['i8', 'u8', 'i16', 'u16'].includes(dtype)) c.unsupported(`quantization to ${dtype}`)
    c.check(isFloat(scale.type.dtype), `the scale is ${scale.type.dtype}`)
    return [linear(c, x, scale, (e, s, z) => saturated(f.div(convert(e, s.dtype), s), z, dtype))]
  },
}
