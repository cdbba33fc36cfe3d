import type { Value } from '../../../core/graph.ts'
import type { OpContext, Operator } from '../../context.ts'
import { range } from '../../shared/axes.ts'
import * as f from '../../../core/scalar/formula.ts'
import { saturated } from '../../../core/scalar/quantization.ts'
import { quantize } from '../../shared/quantization/quantization.ts'

/** `x` in u8, with scale and zero point such that the range of x and 0 fill 0..255. */
export function dynamicallyQuantized(c: OpContext, x: Value): { value: Value; scale: Value; zero: Value } {
  const { b } = c
  const all = range(0, x.type.shape.length)
  const low = b.map([b.reduce('min', x, all)], (e) => f.min(e, 0))
  const high = b.map([b.reduce('max', x, all)], (e) => f.max(e, 0))
  const scale = b.map([low, high], (l, h) => f.div(f.sub(h, l), 255))
  const zero = b.map([low, scale], (l, s) => saturated(f.div(f.neg(l), s), undefined, 'u8'))
  return { value: quantize(c, x, { scale, zero, dtype: 'u8' }), scale, zero }
}

/** Outputs: u8 y, its scale and zero point. */
export const dynamicQuantizeLinear: Operator = {
  lower: (c) => {
    const { value, scale, zero } = dynamicallyQuantized(c, c.input(0))
    return [value, scale, zero]
  },
}
