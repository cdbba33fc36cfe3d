import { bitSize } from '../../../core/scalar/dtype.ts'
import { bitcast, convert } from '../../../core/scalar/expr.ts'
import type { OpContext, Operator } from '../../context.ts'

/** The same bits as another type of as many. */
export const bitCast: Operator = {
  floats: 'storage',
  keeps: (_c, _input, axis) => axis,
  lower: (c: OpContext) => {
    const x = c.input(0)
    const { dtype } = x.type
    const to = c.dtype('to')
    if (dtype === 'bool' || to === 'bool') c.unsupported(`${dtype} as ${to}`)
    c.check(bitSize(dtype) === bitSize(to), `${dtype} has ${bitSize(dtype)} bits, ${to} ${bitSize(to)}`)
    // Integers of 4 bits stand in a byte with their sign.
    if (to === 'f4e2m1') return [c.b.map([x], (e) => bitcast(convert(e, 'u8'), to))]
    if (dtype === 'f4e2m1') return [c.b.map([x], (e) => convert(bitcast(e, 'u8'), to))]
    return [c.b.map([x], (e) => bitcast(e, to))]
  },
}
