import { convert } from '../../../core/scalar/expr.ts'
import { elementCount } from '../../../core/shape.ts'
import type { Operator } from '../../context.ts'
import { normalizeAxis, range } from '../../shared/axes.ts'
import * as f from '../../../core/scalar/formula.ts'

/** 1 at the first largest element, else 0. Before opset 13 the axes from `axis` on are taken as one. */
export const hardmax: Operator = {
  lower: (c) => {
    const { b } = c
    const { shape, dtype } = c.input(0).type
    const axis = normalizeAxis(c, c.int('axis', c.opset >= 13 ? -1 : 1), shape.length)
    const end = c.opset >= 13 ? axis + 1 : shape.length
    const flat = [...shape.slice(0, axis), elementCount(shape.slice(axis, end)), ...shape.slice(end)]
    const best = b.argreduce(b.reshape(c.input(0), flat), { kind: 'max', axis, last: false })
    const kept = b.reshape(
      best,
      flat.map((d, i) => (i === axis ? 1 : d)),
    )
    const position = b.iota('i32', [flat[axis]!, ...range(axis + 1, flat.length).map(() => 1)], 0)
    return [
      b.reshape(
        b.map([kept, position], (i, p) => convert(f.eq(i!, p!), dtype)),
        shape,
      ),
    ]
  },
}
