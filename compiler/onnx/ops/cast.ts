import type { Operator } from '../context.ts'

/** Before opset 6 the type was named by a string. */
export const cast: Operator = {
  since: 6,
  floats: 'storage',
  keeps: (_c, _input, axis) => axis,
  lower: (c) => [c.b.convert(c.input(0), c.dtype('to'))],
}

export const castLike: Operator = {
  floats: 'storage',
  keeps: (_c, input, axis) => (input === 0 ? axis : undefined),
  lower: (c) => [c.b.convert(c.input(0), c.input(1).type.dtype)],
}
