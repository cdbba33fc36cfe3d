import type { Narrowing } from '../../core/small-float.ts'
import type { OpContext, Operator } from '../context.ts'

const roundings = ['up', 'down', 'nearest'] as const

function narrowing(c: OpContext): Narrowing {
  const given = c.string('round_mode', 'up')
  const rounding = roundings.find((mode) => mode === given)
  c.check(rounding !== undefined, `round_mode ${given}`)
  return { saturate: c.int('saturate', 1) !== 0, rounding }
}

/** Before opset 6 the type was named by a string. */
export const cast: Operator = {
  since: 6,
  floats: 'storage',
  keeps: (_c, _input, axis) => axis,
  lower: (c) => [c.b.convert(c.input(0), c.dtype('to'), narrowing(c))],
}

export const castLike: Operator = {
  floats: 'storage',
  keeps: (_c, input, axis) => (input === 0 ? axis : undefined),
  lower: (c) => [c.b.convert(c.input(0), c.input(1).type.dtype, narrowing(c))],
}
