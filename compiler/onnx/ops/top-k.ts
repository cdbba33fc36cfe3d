import type { OpContext, Operator } from '../context.ts'
import { normalizeAxis } from '../shared/axes.ts'

/** The k largest or smallest elements along an axis, in order, and where they were; equal ones by ascending index. */
export const topK: Operator = {
  lower: (c: OpContext) => {
    const { b } = c
    const x = c.input(0)
    const axis = normalizeAxis(c, c.int('axis', -1), x.type.shape.length)
    const k = c.opset >= 10 ? c.constantInts(1)[0]! : c.int('k')
    c.check(k >= 0 && k <= x.type.shape[axis]!, `${k} of ${x.type.shape[axis]} elements`)
    const [values, indices] = b.sort(x, axis, c.int('largest', 1) !== 0)
    return [b.sliceAxis(values, axis, 0, k), b.convert(b.sliceAxis(indices, axis, 0, k), 'i64')]
  },
}
