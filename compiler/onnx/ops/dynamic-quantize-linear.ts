import type { Operator } from '../context.ts'
import { range } from '../shared/axes.ts'
import * as f from '../../core/formula.ts'
import { saturated } from '../../core/quantization.ts'
import { quantize } from '../shared/quantization.ts'

/** Outputs: u8 y, its scale and zero point, such that the range of x and 0 fill 0..255. */
export const dynamicQuantizeLinear: Operator = {
  lower: (c) => {
    const { b } = c
    const x = c.input(0)
    const all = range(0, x.type.shape.length)
    const low = b.map([b.reduce('min', x, all)], (e) => f.min(e, 0))
    const high = b.map([b.reduce('max', x, all)], (e) => f.max(e, 0))
    const scale = b.map([low, high], (l, h) => f.div(f.sub(h, l), 255))
    const zero = b.map([low, scale], (l, s) => saturated(f.div(f.neg(l), s), undefined, 'u8'))
    return [quantize(c, x, { scale, zero, dtype: 'u8' }), scale, zero]
  },
}
