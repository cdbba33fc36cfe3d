import type { DType } from '../../core/dtype.ts'
import type { Value } from '../../core/graph.ts'
import type { Narrowing } from '../../core/small-float.ts'
import type { OpContext, Operator } from '../context.ts'

const roundings = ['up', 'down', 'nearest'] as const

function narrowing(c: OpContext): Narrowing {
  const given = c.string('round_mode', 'up')
  const rounding = roundings.find((mode) => mode === given)
  c.check(rounding !== undefined, `round_mode ${given}`)
  return { saturate: c.int('saturate', 1) !== 0, rounding }
}

/** What is wide again is not rounded before, as in onnxruntime; a narrow type is what the model asks for, and integers are of what it sees. */
const converted = (c: OpContext, dtype: DType): Value =>
  c.b.convert(dtype === 'f32' || dtype === 'f64' ? c.unrounded(0) : c.input(0), dtype, narrowing(c))

/** Before opset 6 the type was named by a string. */
export const cast: Operator = {
  since: 6,
  floats: 'storage',
  keeps: (_c, _input, axis) => axis,
  lower: (c) => [converted(c, c.dtype('to'))],
}

export const castLike: Operator = {
  floats: 'storage',
  keeps: (_c, input, axis) => (input === 0 ? axis : undefined),
  lower: (c) => [converted(c, c.input(1).type.dtype)],
}
