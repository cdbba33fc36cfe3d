import type { OpContext, Operator } from '../../context.ts'
import { constantStrings } from '../../strings.ts'

export const constant: Operator = {
  floats: 'storage',
  lower: (c: OpContext) => {
    const { b } = c
    const strings = c.stringTensor('value')
    if (strings) return [constantStrings(b, strings)]
    if (c.has('value_string')) return [constantStrings(b, { shape: [], strings: [c.string('value_string')] })]
    if (c.has('value_strings')) {
      const all = c.strings('value_strings')
      return [constantStrings(b, { shape: [all.length], strings: all })]
    }
    if (c.has('value')) return [c.stored('value')]
    if (c.has('sparse_value')) return [b.constant(c.tensor('sparse_value'))]
    if (c.has('value_float')) return [b.scalar(c.float('value_float'), 'f32')]
    if (c.has('value_floats')) return [b.vector(c.floats('value_floats'), 'f32')]
    if (c.has('value_int')) return [b.scalar(c.bigints('value_int')[0]!, 'i64')]
    if (c.has('value_ints')) return [b.vector(c.bigints('value_ints'), 'i64')]
    return c.unsupported('a constant must be a tensor')
  },
}
