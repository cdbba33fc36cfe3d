import { fail } from '../../../core/diagnostics/diagnostic.ts'
import { isFloat, type DType, type Scalar } from '../../../core/scalar/dtype.ts'
import { convert } from '../../../core/scalar/expr.ts'
import type { Value } from '../../../core/graph.ts'
import { elementCount } from '../../../core/shape.ts'
import { reader, tensorOf, type Tensor } from '../../../core/tensor.ts'
import type { OpContext, Operator } from '../../context.ts'
import * as f from '../../../core/scalar/formula.ts'
import { isStrings, type Item } from '../../item.ts'
import { listOf, lookUp } from '../../strings.ts'

/** Integer keys within so many values of one another are looked up in a table. */
const maxTable = 1 << 16
/** Elements times keys that may be compared otherwise. */
const maxCompared = 1 << 24

const list = (t: Tensor): Scalar[] => {
  const read = reader(t)
  return Array.from({ length: t.data.length }, (_, i) => read(i))
}

/** Attribute `keys_…` or `values_…`, if it holds strings. */
function strings(c: OpContext, name: 'keys' | 'values'): readonly string[] | undefined {
  const given = c.stringTensor(`${name}_tensor`)
  if (given) return given.strings
  return c.has(`${name}_strings`) ? c.strings(`${name}_strings`) : undefined
}

/** Attribute `keys_…` or `values_…` in whichever type of numbers it is given. */
function numbers(c: OpContext, name: 'keys' | 'values'): Tensor {
  if (c.has(`${name}_tensor`)) return c.tensor(`${name}_tensor`)
  const dtype = c.has(`${name}_int64s`) ? 'i64' : 'f32'
  const values = dtype === 'i64' ? c.bigints(`${name}_int64s`) : c.floats(`${name}_floats`)
  return tensorOf(dtype, [values.length], values)
}

/** What elements become: values as numbers, or strings as places in a list of which the last is the default. */
interface Values {
  readonly tensor: Tensor
  readonly absent: Scalar
  readonly list?: readonly string[]
}

function textValues(given: readonly string[], fallback: string): Values {
  const { list, places } = listOf([...given, fallback])
  return { tensor: tensorOf('i32', [given.length], places.slice(0, -1)), absent: places.at(-1)!, list }
}

function valuesOf(c: OpContext): Values {
  const given = strings(c, 'values')
  if (given)
    return textValues(given, c.stringTensor('default_tensor')?.strings[0] ?? c.string('default_string', '_Unused'))
  const tensor = numbers(c, 'values')
  return { tensor, absent: defaultOf(c, tensor.dtype) }
}

function defaultOf(c: OpContext, dtype: DType): Scalar {
  if (c.has('default_tensor')) return list(c.tensor('default_tensor'))[0] ?? 0
  if (dtype === 'i64') return c.has('default_int64') ? c.bigints('default_int64')[0]! : -1n
  return isFloat(dtype) ? c.float('default_float', -0) : -1
}

/** Integer keys that lie close together: the values by key, with the default in the gaps and at both ends. */
function lookUpInteger(
  c: OpContext,
  x: Value,
  keys: readonly Scalar[],
  values: readonly Scalar[],
  absent: Scalar,
  dtype: DType,
): Value | undefined {
  const numbers = keys.map(BigInt)
  const low = numbers.reduce((a, b) => (b < a ? b : a)) - 1n
  const high = numbers.reduce((a, b) => (b > a ? b : a)) + 1n
  if (high - low >= maxTable) return undefined
  const table = new Array<Scalar>(Number(high - low) + 1).fill(absent)
  // Backwards: the first of equal keys counts.
  for (let i = numbers.length - 1; i >= 0; i--) table[Number(numbers[i]! - low)] = values[i]!
  const [first, last] = [low, high].map((v) => c.b.scalar(v, 'i64'))
  const place = c.b.map([c.b.convert(x, 'i64'), first!, last!], (v, a, z) => f.sub(f.clamp(v!, a!, z!), a!))
  return c.b.take(c.b.vector(table, dtype), c.b.convert(place, 'i32'), 0)
}

/** The value of the key that each element of `x` equals, `absent` for the others. A key that is NaN stands for every NaN. */
function encoded(
  c: OpContext,
  x: Value,
  keys: readonly Scalar[],
  values: readonly Scalar[],
  absent: Scalar,
  dtype: DType,
): Value {
  const { b } = c
  const found = isFloat(x.type.dtype) ? undefined : lookUpInteger(c, x, keys, values, absent, dtype)
  if (found) return found
  if (elementCount(x.type.shape) * keys.length > maxCompared) {
    fail('A301', `${keys.length} keys for ${elementCount(x.type.shape)} elements`)
  }
  const keyVector = b.vector(keys, x.type.dtype)
  const matches = b.map([b.reshape(x, [...x.type.shape, 1]), keyVector], (v, k) => {
    const equal = f.eq(v!, k!)
    return convert(isFloat(v!.dtype) ? f.or(equal, f.and(f.ne(v!, v!), f.ne(k!, k!))) : equal, 'i32')
  })
  const axis = x.type.shape.length
  const place = b.argreduce(matches, { kind: 'max', axis, last: false })
  const present = b.unary('not', b.binary('eq', b.reduce('max', matches, [axis]), b.scalar(0, 'i32')))
  return b.select(present, b.take(b.vector(values, dtype), place, 0), b.scalar(absent, dtype))
}

/** Input 0 with each element that is a key in place of its value. Keys are strings or a vector of numbers. */
function encode(c: OpContext, keys: readonly string[] | Tensor, { tensor, absent, list: names }: Values): Item[] {
  const { b } = c
  const item = c.item(0)
  const values = list(tensor)
  const texts = 'dtype' in keys ? undefined : keys
  const count = 'dtype' in keys ? keys.data.length : keys.length
  c.check(count === values.length && count > 0, `${count} keys for ${values.length} values`)
  const result = (value: Value): Item[] => [names ? { places: value, list: names } : value]

  if (item && isStrings(item)) {
    c.check(texts !== undefined, 'keys are numbers, the input is strings')
    const byPlace = item.list.map((text) => values[texts.indexOf(text)] ?? absent)
    return result(lookUp(b, item, tensorOf(tensor.dtype, [byPlace.length], byPlace), absent))
  }
  const x = c.input(0)
  const dtype = 'dtype' in keys ? keys.dtype : undefined
  c.check(dtype === x.type.dtype, `keys are ${dtype ?? 'strings'}, the input is ${x.type.dtype}`)
  return result(encoded(c, x, list(keys as Tensor), values, absent, tensor.dtype))
}

/** Strings to integers, or integers to strings, by which of both the input is. */
function encodeBothWays(c: OpContext, texts: readonly string[], integers: readonly bigint[]): Item[] {
  c.check(texts.length === integers.length, `${texts.length} strings for ${integers.length} integers`)
  const tensor = tensorOf('i64', [integers.length], integers)
  const item = c.item(0)
  if (!item || !isStrings(item)) return encode(c, tensor, textValues(texts, c.string('default_string', '_Unused')))
  return encode(c, texts, { tensor, absent: c.has('default_int64') ? c.bigints('default_int64')[0]! : -1n })
}

/** In its first version classes are strings, and stand for their places. */
export const labelEncoder: Operator = {
  floats: 'storage',
  items: true,
  lower: (c: OpContext) => {
    if (c.opset >= 2) return encode(c, strings(c, 'keys') ?? numbers(c, 'keys'), valuesOf(c))
    const classes = c.strings('classes_strings')
    return encodeBothWays(
      c,
      classes,
      classes.map((_, i) => BigInt(i)),
    )
  },
}

export const categoryMapper: Operator = {
  items: true,
  lower: (c: OpContext) => encodeBothWays(c, c.strings('cats_strings'), c.bigints('cats_int64s')),
}
