import { fail } from '../../../core/diagnostic.ts'
import { isFloat, type DType, type Scalar } from '../../../core/dtype.ts'
import { convert } from '../../../core/expr.ts'
import type { Value } from '../../../core/graph.ts'
import { elementCount } from '../../../core/shape.ts'
import { reader, tensorOf, type Tensor } from '../../../core/tensor.ts'
import type { OpContext, Operator } from '../../context.ts'
import * as f from '../../../core/formula.ts'
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
  if (c.has('classes_strings')) c.unsupported('the form before opset 2 of ai.onnx.ml')
  if (c.has(`${name}_tensor`)) return c.tensor(`${name}_tensor`)
  const dtype = c.has(`${name}_int64s`) ? 'i64' : 'f32'
  const values = dtype === 'i64' ? c.bigints(`${name}_int64s`) : c.floats(`${name}_floats`)
  return tensorOf(dtype, [values.length], values)
}

/** What elements become: values as numbers, or strings as places in a list of which the last is the default. */
function valuesOf(c: OpContext): { tensor: Tensor; absent: Scalar; list?: readonly string[] } {
  const given = strings(c, 'values')
  if (!given) {
    const tensor = numbers(c, 'values')
    return { tensor, absent: defaultOf(c, tensor.dtype) }
  }
  const fallback = c.stringTensor('default_tensor')?.strings[0] ?? c.string('default_string', '_Unused')
  const { list, places } = listOf([...given, fallback])
  return { tensor: tensorOf('i32', [given.length], places.slice(0, -1)), absent: places.at(-1)!, list }
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

export const labelEncoder: Operator = {
  since: 2,
  floats: 'storage',
  items: true,
  lower: (c: OpContext) => {
    const { b } = c
    const item = c.item(0)
    const texts = strings(c, 'keys')
    const { tensor, absent, list: names } = valuesOf(c)
    const values = list(tensor)
    const keyTensor = texts ? undefined : numbers(c, 'keys')
    const keys = texts ?? list(keyTensor!)
    c.check(keys.length === values.length && keys.length > 0, `${keys.length} keys for ${values.length} values`)
    const result = (value: Value): Item[] => [names ? { places: value, list: names } : value]

    if (item && isStrings(item)) {
      c.check(texts !== undefined, 'keys are numbers, the input is strings')
      const byPlace = item.list.map((text) => values[texts.indexOf(text)] ?? absent)
      return result(lookUp(b, item, tensorOf(tensor.dtype, [byPlace.length], byPlace), absent))
    }
    const x = c.input(0)
    c.check(
      keyTensor?.dtype === x.type.dtype,
      `keys are ${keyTensor?.dtype ?? 'strings'}, the input is ${x.type.dtype}`,
    )
    return result(encoded(c, x, list(keyTensor), values, absent, tensor.dtype))
  },
}
