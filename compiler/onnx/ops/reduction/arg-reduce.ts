import type { OpContext, Operator } from '../../context.ts'
import { normalizeAxis } from '../../shared/axes.ts'

const argReduce = (kind: 'max' | 'min'): Operator => ({
  lower: (c: OpContext) => {
    const x = c.input(0)
    const { shape } = x.type
    const axis = normalizeAxis(c, c.int('axis', 0), shape.length)
    const index = c.b.convert(c.b.argreduce(x, { kind, axis, last: c.int('select_last_index', 0) !== 0 }), 'i64')
    return [
      c.int('keepdims', 1) !== 0
        ? c.b.reshape(
            index,
            shape.map((d, i) => (i === axis ? 1 : d)),
          )
        : index,
    ]
  },
})

export const argMax = argReduce('max')
export const argMin = argReduce('min')
