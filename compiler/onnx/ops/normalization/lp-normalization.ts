import type { OpContext, Operator } from '../../context.ts'
import { normalizeAxis } from '../../shared/axes.ts'
import * as f from '../../../core/scalar/formula.ts'

/** x divided by its 1- or 2-norm along `axis`; a row of zeros stays zeros. */
export const lpNormalization: Operator = {
  lower: (c: OpContext) => {
    const x = c.input(0)
    const axis = normalizeAxis(c, c.int('axis', -1), x.type.shape.length)
    const p = c.int('p', 2)
    c.check(p === 1 || p === 2, `p is ${p}`)
    const sum = c.b.reduce('add', c.b.map([x], p === 1 ? f.abs : f.square), [axis], true)
    const norm = c.b.map([sum], (s) => {
      const root = p === 1 ? s : f.sqrt(s)
      return f.select(f.eq(root, 0), 1, root)
    })
    return [c.b.binary('div', x, norm)]
  },
}
