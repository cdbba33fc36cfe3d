import type { Value } from '../../../core/graph.ts'
import { isFloat } from '../../../core/scalar/dtype.ts'
import { constantOf } from '../../../core/evaluate.ts'
import { convert } from '../../../core/scalar/expr.ts'
import { elementCount } from '../../../core/shape.ts'
import { toNumbers } from '../../../core/tensor.ts'
import type { OpContext, Operator } from '../../context.ts'
import * as f from '../../../core/scalar/formula.ts'
import { isStrings } from '../../item.ts'
import { takeFixed } from '../../shared/indices.ts'
import { computeDType, floatRows } from './rows.ts'

/** A vector that broadcasts along the features, the last axis of input 0, or one value for all of them. */
function perFeature(
  c: OpContext,
  name: string,
  values: readonly number[] | readonly bigint[],
  dtype: Value['type']['dtype'],
): Value {
  const features = c.input(0).type.shape.at(-1) ?? 1
  c.check(
    values.length === 1 || values.length === features,
    `${name} has ${values.length} values for ${features} features`,
  )
  return values.length === 1 ? c.b.scalar(values[0]!, dtype) : c.b.vector(values, dtype)
}

export const scaler: Operator = {
  lower: (c: OpContext) => {
    const { b } = c
    const x = c.input(0)
    const dtype = computeDType(x.type.dtype)
    const offset = perFeature(c, 'offset', c.floats('offset', [0]), dtype)
    const scale = perFeature(c, 'scale', c.floats('scale', [1]), dtype)
    const scaled = b.map([b.convert(x, dtype), offset, scale], (v, o, s) => f.mul(f.sub(v!, o!), s!))
    return [b.convert(scaled, 'f32')]
  },
}

/** MAX divides by the greatest element, not the greatest magnitude; rows whose norm is 0 stay as they are. */
export const normalizer: Operator = {
  lower: (c: OpContext) => {
    const { b } = c
    const x = floatRows(c)
    const kind = c.string('norm', 'MAX')
    c.check(kind === 'MAX' || kind === 'L1' || kind === 'L2', `norm ${kind}`)
    const parts = kind === 'MAX' ? x : b.map([x], (v) => (kind === 'L1' ? f.abs(v!) : f.square(v!)))
    const norm = b.reduce(kind === 'MAX' ? 'max' : 'add', parts, [1], true)
    const result = b.map([x, norm], (v, n) => {
      const size = f.sqrt(f.div(f.square(v!), n!))
      const divided = kind === 'L2' ? f.select(f.lt(v!, 0), f.neg(size), size) : f.div(v!, n!)
      return f.select(f.eq(n!, 0), v!, divided)
    })
    return [b.reshape(result, c.input(0).type.shape)]
  },
}

export const imputer: Operator = {
  lower: (c: OpContext) => {
    const x = c.input(0)
    const { dtype } = x.type
    const float = isFloat(dtype)
    const name = float ? 'imputed_value_floats' : 'imputed_value_int64s'
    const imputed = perFeature(c, name, float ? c.floats(name) : c.bigints(name), dtype)
    const replaced = c.b.scalar(
      float
        ? c.float('replaced_value_float', 0)
        : c.has('replaced_value_int64')
          ? c.bigints('replaced_value_int64')[0]!
          : 0n,
      dtype,
    )
    return [
      c.b.map([x, imputed, replaced], (v, to, from) => {
        const same = f.eq(v!, from!)
        const missing = float ? f.or(same, f.and(f.ne(v!, v!), f.ne(from!, from!))) : same
        return f.select(missing, to!, v!)
      }),
    ]
  },
}

export const binarizer: Operator = {
  lower: (c: OpContext) => {
    const threshold = c.float('threshold', 0)
    const { dtype } = c.input(0).type
    return [c.b.map([c.input(0)], (x) => convert(f.gt(convert(x!, computeDType(dtype)), threshold), dtype))]
  },
}

/** An element that is no category gives zeros, even where attribute `zeros` wants onnxruntime to fail. */
export const oneHotEncoder: Operator = {
  items: true,
  lower: (c: OpContext) => {
    const item = c.item(0)
    const names = c.strings('cats_strings', [])
    if (item && isStrings(item)) {
      c.check(names.length > 0, 'categories are integers, the input is strings')
      const column = c.b.reshape(item.places, [...item.places.type.shape, 1])
      // A category that is in no list equals no string.
      const places = names.map((name) => (item.list.includes(name) ? item.list.indexOf(name) : -2))
      return [c.b.map([column, c.b.vector(places, 'i32')], (v, k) => convert(f.eq(v, k), 'f32'))]
    }
    const x = c.input(0)
    c.check(names.length === 0, `categories are strings, the input is ${x.type.dtype}`)
    const categories = c.bigints('cats_int64s')
    c.check(new Set(categories).size === categories.length, 'categories repeat')
    const column = c.b.reshape(x, [...x.type.shape, 1])
    const cats = c.b.vector(categories, 'i64')
    return [c.b.map([column, cats], (v, k) => convert(f.eq(convert(v!, 'i64'), k!), 'f32'))]
  },
}

/** Elements along the last axis; those of a vector become one row. */
export const arrayFeatureExtractor: Operator = {
  floats: 'storage',
  strings: true,
  lower: (c: OpContext) => {
    const { b } = c
    const { shape } = c.input(0).type
    c.check(shape.length > 0, 'the input is a scalar')
    const x = shape.length === 1 ? b.reshape(c.input(0), [1, shape[0]!]) : c.input(0)
    const axis = x.type.shape.length - 1
    const size = shape.at(-1)!
    const indices = b.reshape(c.input(1), [elementCount(c.input(1).type.shape)])
    const known = constantOf(indices)
    if (!known) return [b.take(x, indices, axis)]
    const places = toNumbers(known)
    const outside = places.find((i) => i < 0 || i >= size)
    c.check(outside === undefined, `index ${outside} is outside of ${size} elements`)
    return [takeFixed(b, x, places, axis)]
  },
}

/** The inputs' features side by side, each input cut or filled with zeros to its size in `inputdimensions`. */
export const featureVectorizer: Operator = {
  lower: (c: OpContext) => {
    const { b } = c
    const sizes = c.ints('inputdimensions')
    c.check(sizes.length === c.inputs.length && sizes.every((n) => n >= 0), `inputdimensions [${sizes.join(',')}]`)
    const parts = sizes.map((size, i) => {
      const { shape } = c.input(i).type
      const count = shape.length === 1 ? 1 : shape[0]!
      const flat = b.reshape(c.input(i), [count, elementCount(shape) / Math.max(1, count)])
      const width = Math.min(size, flat.type.shape[1]!)
      const kept = b.convert(b.sliceAxis(flat, 1, 0, width), 'f32')
      return b.pad(kept, b.scalar(0, 'f32'), [0, 0], [0, size - width])
    })
    return [b.concatenate(parts, 1)]
  },
}

/** A sequence of maps from label to score is the scores' tensor, with the labels beside it. */
export const zipMap: Operator = {
  lower: (c: OpContext) => {
    const scores = c.input(0)
    const strings = c.strings('classlabels_strings', [])
    const classes = strings.length > 0 ? strings : c.ints('classlabels_int64s', [])
    const count = scores.type.shape.at(-1)
    c.check(classes.length === 0 || classes.length === count, `${classes.length} labels for ${count} scores`)
    return [classes.length === 0 ? scores : { scores, classes }]
  },
}
