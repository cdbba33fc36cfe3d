import { isFloat, type DType } from '../../../core/scalar/dtype.ts'
import type { Value } from '../../../core/graph.ts'
import type { Narrowing } from '../../../core/scalar/small-float.ts'
import type { OpContext, Operator } from '../../context.ts'
import type { Item } from '../../item.ts'

const roundings = ['up', 'down', 'nearest'] as const

function narrowing(c: OpContext): Narrowing {
  const given = c.string('round_mode', 'up')
  const rounding = roundings.find((mode) => mode === given)
  c.check(rounding !== undefined, `round_mode ${given}`)
  return { saturate: c.int('saturate', 1) !== 0, rounding }
}

/** What is wide again is not rounded before, as in onnxruntime; a narrow type is what the model asks for, and integers are of what it sees. */
const convertedNumbers = (c: OpContext, dtype: DType): Value =>
  c.b.convert(dtype === 'f32' || dtype === 'f64' ? c.unrounded(0) : c.input(0), dtype, narrowing(c))

/** TensorProto.DataType.STRING. */
const stringType = 8

/** Floats of 16 bits and fewer, and integers, through a type that the script reads and writes exactly. */
const carrier = (dtype: DType): DType => (dtype === 'f64' || dtype === 'bool' ? dtype : isFloat(dtype) ? 'f32' : 'i64')

/** Numbers as strings: by the script, from what the module computes. */
function toStrings(c: OpContext): Item {
  const strings = c.freeStrings(0)
  if (strings) return strings
  const x = c.input(0)
  if (x.type.dtype === 'u64') c.unsupported('integers of 64 bits without sign as strings')
  const numbers = c.script.leave(c.b.convert(x, carrier(x.type.dtype)))
  return c.script.step([numbers], numbers.dims, { op: 'text', how: carrier(x.type.dtype) })
}

function converted(c: OpContext, dtype: DType): Value {
  const strings = c.freeStrings(0)
  if (!strings) return convertedNumbers(c, dtype)
  const how = carrier(dtype)
  const numbers = c.script.enter(c.script.step([strings], strings.dims, { op: 'number', how }), how)
  return c.b.convert(numbers, dtype, narrowing(c))
}

/** Before opset 6 the type was named by a string. */
export const cast: Operator = {
  since: 6,
  floats: 'storage',
  freeStrings: true,
  keeps: (_c, _input, axis) => axis,
  lower: (c) => [c.int('to') === stringType ? toStrings(c) : converted(c, c.dtype('to'))],
}

export const castLike: Operator = {
  floats: 'storage',
  freeStrings: true,
  keeps: (_c, input, axis) => (input === 0 ? axis : undefined),
  lower: (c) => [c.freeStrings(1) ? toStrings(c) : converted(c, c.input(1).type.dtype)],
}
