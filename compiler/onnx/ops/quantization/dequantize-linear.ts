import { isFloat, isStorageOnly } from '../../../core/scalar/dtype.ts'
import type { Operator } from '../../context.ts'
import { dequantized } from '../../../core/scalar/quantization.ts'
import { linear } from '../../shared/quantization/quantization.ts'

/** `storage`: the result has the scale's dtype, or that of attribute output_dtype (0 is none). */
export const dequantizeLinear: Operator = {
  floats: 'storage',
  lower: (c) => {
    const scale = c.input(1)
    const { dtype } = scale.type
    if (!isFloat(dtype)) c.unsupported(`a scale of ${dtype}`)
    const wide = isStorageOnly(dtype) ? c.b.convert(scale, 'f32') : scale
    const result = linear(c, c.input(0), wide, dequantized)
    return [c.b.convert(result, c.int('output_dtype', 0) === 0 ? dtype : c.dtype('output_dtype'))]
  },
}
