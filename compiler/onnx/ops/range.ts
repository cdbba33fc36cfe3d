import { convert } from '../../core/expr.ts'
import { reader } from '../../core/tensor.ts'
import type { OpContext, Operator } from '../context.ts'
import * as f from '../../core/formula.ts'

/** start, start + delta, … before limit. */
export const range: Operator = {
  lower: (c: OpContext) => {
    const { dtype } = c.input(0).type
    const [start, limit, delta] = [0, 1, 2].map((i) => {
      const value = c.constant(i)
      c.check(value.data.length === 1, `input ${i} is no scalar`)
      return reader(value)(0)
    })
    c.check(Number(delta) !== 0, 'delta is 0')
    const count = Math.max(0, Math.ceil((Number(limit) - Number(start)) / Number(delta)))
    c.check(Number.isFinite(count), `from ${start} to ${limit} by ${delta}`)
    const index = c.b.iota('i64', [count], 0)
    const first = c.b.scalar(start!, dtype)
    const step = c.b.scalar(delta!, dtype)
    return [c.b.map([index, first, step], (i, a, d) => f.add(a!, f.mul(convert(i!, dtype), d!)))]
  },
}
