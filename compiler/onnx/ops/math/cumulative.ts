import type { OpContext, Operator } from '../../context.ts'
import { normalizeAxis } from '../../shared/axes.ts'

/** CumSum, CumProd. */
export const cumulative = (kind: 'add' | 'mul'): Operator => ({
  // Backwards, padding would come first.
  keeps: (c, input, axis) => {
    const along = normalizeAxis(c, c.constantInts(1)[0] ?? NaN, c.input(0).type.shape.length)
    return input === 0 && (axis !== along || c.int('reverse', 0) === 0) ? axis : undefined
  },
  lower: (c: OpContext) => {
    const x = c.input(0)
    const axis = normalizeAxis(c, c.constantInts(1)[0] ?? NaN, x.type.shape.length)
    return [c.b.cumulate(x, { kind, axis, exclusive: c.int('exclusive', 0) !== 0, reverse: c.int('reverse', 0) !== 0 })]
  },
})
