import type { Operator } from '../context.ts'

/** Before opset 6 the type was named by a string. */
export const cast: Operator = {
  since: 6,
  floats: 'storage',
  lower: (c) => [c.b.convert(c.input(0), c.dtype('to'))],
}

export const castLike: Operator = {
  floats: 'storage',
  lower: (c) => [c.b.convert(c.input(0), c.input(1).type.dtype)],
}
