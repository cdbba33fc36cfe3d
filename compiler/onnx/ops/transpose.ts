import type { Operator } from '../context.ts'
import { range } from '../shared/axes.ts'

export const transpose: Operator = {
  floats: 'storage',
  strings: true,
  lower: (c) => [c.b.transpose(c.input(0), c.ints('perm', range(0, c.input(0).type.shape.length).reverse()))],
}
