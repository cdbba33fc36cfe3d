import { byteSize, isFloat, isInteger, isSmallFloat, isStorageOnly, type DType } from '../../../core/scalar/dtype.ts'
import { convert } from '../../../core/scalar/expr.ts'
import type { OpContext, Operator } from '../../context.ts'
import * as f from '../../../core/scalar/formula.ts'
import { saturated } from '../../../core/scalar/quantization.ts'
import { linear } from '../../shared/quantization/quantization.ts'

/** The result's dtype: the zero point's, or attribute output_dtype (0 is none), or u8. */
function resultType(c: OpContext): DType {
  const zero = c.inputs[2]
  if (zero) return zero.type.dtype
  return c.int('output_dtype', 0) === 0 ? 'u8' : c.dtype('output_dtype')
}

/** `storage`: the zero point tells the result's dtype. */
export const quantizeLinear: Operator = {
  floats: 'storage',
  lower: (c: OpContext) => {
    const [x, scale] = [0, 1].map((i) => {
      const value = c.unrounded(i)
      return isFloat(value.type.dtype) && isStorageOnly(value.type.dtype) ? c.b.convert(value, 'f32') : value
    })
    const dtype = resultType(c)
    const narrow = isInteger(dtype) && byteSize(dtype) <= 2
    if (!narrow && !isSmallFloat(dtype)) c.unsupported(`quantization to ${dtype}`)
    c.check(isFloat(scale!.type.dtype), `the scale is ${scale!.type.dtype}`)
    const saturate = c.int('saturate', 1) !== 0
    return [linear(c, x!, scale!, (e, s, z) => saturated(f.div(convert(e, s.dtype), s), z, dtype, saturate))]
  },
}
