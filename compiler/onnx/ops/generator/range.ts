import { isFloat } from '../../../core/scalar/dtype.ts'
import { constantOf } from '../../../core/evaluate.ts'
import { convert, unary } from '../../../core/scalar/expr.ts'
import * as f from '../../../core/scalar/formula.ts'
import { reader } from '../../../core/tensor.ts'
import type { OpContext, Operator } from '../../context.ts'
import { known, multiply, rangeOfDim, subtract, type Dim } from '../../dims.ts'

/** How many there are of what is known. */
function countOf(c: OpContext): Dim {
  const [start, limit, delta] = [0, 1, 2].map((i) => Number(reader(c.constant(i))(0))) as [number, number, number]
  c.check(delta !== 0, 'delta is 0')
  const count = Math.max(0, Math.ceil((limit - start) / delta))
  c.check(Number.isFinite(count), `from ${start} to ${limit} by ${delta}`)
  return known(count)
}

/** How many there are of what is known at run time. */
function sizeOf(c: OpContext): Dim {
  const { b, sized } = c
  if (isFloat(c.input(0).type.dtype)) {
    const parts = [0, 1, 2].map((i) => b.reshape(c.input(i), []))
    const count = b.map(parts, (start, limit, delta) =>
      convert(f.max(unary('ceil', f.div(f.sub(limit!, start!), delta!)), 0), 'i32'),
    )
    return sized.element(count, 0)
  }
  const [start, limit, delta] = [0, 1, 2].map((i) => c.sizes(i)[0]!) as [Dim, Dim, Dim]
  const { low, high } = rangeOfDim(delta)
  // Of either sign, it must be known.
  if (low <= 0 && high >= 0) c.constant(2)
  const step = low > 0 ? delta : multiply(delta, known(-1))
  const way = low > 0 ? subtract(limit, start) : subtract(start, limit)
  return sized.ceil(b, sized.max(b, way, known(0)), step)
}

/** start, start + delta, … before limit. */
export const range: Operator = {
  sized: true,
  lower: (c: OpContext) => {
    const { dtype } = c.input(0).type
    for (const i of [0, 1, 2])
      c.check(
        c.input(i).type.shape.every((d) => d === 1),
        `input ${i} is no scalar`,
      )
    const count = [0, 1, 2].every((i) => constantOf(c.input(i))) ? countOf(c) : sizeOf(c)
    const index = c.b.iota('i64', [c.most(count, 'the length')], 0)
    const [first, , step] = [0, 1, 2].map((i) => c.b.reshape(c.input(i), []))
    const values = c.b.map([index, first!, step!], (i, a, d) => f.add(a!, f.mul(convert(i!, dtype), d!)))
    return [c.sizedTo(values, [count])]
  },
}
