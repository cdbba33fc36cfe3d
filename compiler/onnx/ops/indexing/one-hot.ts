import { convert } from '../../../core/scalar/expr.ts'
import type { OpContext, Operator } from '../../context.ts'
import { normalizeAxis, range } from '../../shared/axes.ts'
import * as f from '../../../core/scalar/formula.ts'

/** `values` is [off, on]; an index outside of -depth … depth - 1 gives off alone. */
export const oneHot: Operator = {
  lower: (c: OpContext) => {
    const { b } = c
    const depth = Math.trunc(c.constantInts(1)[0] ?? NaN)
    c.check(Number.isSafeInteger(depth) && depth >= 0, `depth ${depth}`)
    const { shape } = c.input(0).type
    const axis = normalizeAxis(c, c.int('axis', -1), shape.length + 1)
    const indices = b.reshape(c.input(0), [...shape.slice(0, axis), 1, ...shape.slice(axis)])
    const position = b.iota('i64', [depth, ...range(axis, shape.length).map(() => 1)], 0)
    const [off, on] = [0, 1].map((i) => b.reshape(b.sliceAxis(c.input(2), 0, i, 1), []))
    return [
      b.map([indices, position, off!, on!], (i, p, no, yes) => {
        // No depth reaches beyond i64.
        const index = convert(i!.dtype === 'u64' ? f.min(i!, 2 ** 53) : i!, 'i64')
        const wrapped = f.select(f.lt(index, 0), f.add(index, depth), index)
        return f.select(f.eq(wrapped, p!), yes!, no!)
      }),
    ]
  },
}
