import type { OpContext, Operator } from '../../context.ts'
import { range } from '../../shared/axes.ts'

const permOf = (c: OpContext): number[] => c.ints('perm', range(0, c.input(0).type.shape.length).reverse())

export const transpose: Operator = {
  floats: 'moved',
  strings: true,
  keeps: (c, _input, axis) => permOf(c).indexOf(axis),
  lower: (c) => [c.b.transpose(c.input(0), permOf(c))],
}
