import type { Builder } from '../../../core/builder.ts'
import { isFloat, isStorageOnly, type DType } from '../../../core/scalar/dtype.ts'
import * as f from '../../../core/scalar/formula.ts'
import type { Value } from '../../../core/graph.ts'
import { regionArgument } from '../../../core/region.ts'
import { elementCount } from '../../../core/shape.ts'
import type { OpContext, Operator } from '../../context.ts'
import { normalizeAxis, range } from '../../shared/axes.ts'
import { limited, placesOf, scatterVector } from '../../shared/compaction.ts'

/** A dtype that is sorted and compared as `dtype` would be, of those that can be. */
const comparable = (dtype: DType): DType =>
  dtype === 'bool' ? 'u8' : !isStorageOnly(dtype) ? dtype : isFloat(dtype) ? 'f32' : 'i32'

/** The i32 order in which the rows of `keys` [n, m] ascend; equal ones as they come. */
function rowOrder(b: Builder, keys: Value): Value {
  const [n = 0, m = 0] = keys.type.shape
  if (m === 1) return b.sort(b.reshape(keys, [n]), 0, false)[1]
  // By the last column first: sorting is stable.
  const order = regionArgument('i32', [n])
  const column = regionArgument(keys.type.dtype, [n])
  const [, sorted] = b.sort(b.take(column, order, 0), 0, false)
  const { carried } = b.while({
    trips: m,
    iteration: regionArgument('i32', []),
    carried: [{ initial: b.iota('i32', [n], 0), argument: order, next: b.take(order, sorted, 0) }],
    scanInputs: [{ value: keys, argument: column, axis: 1, reverse: true }],
    scanOutputs: [],
  })
  return carried[0]!
}

/** Which rows of `x` [n, m], in order, differ from the one before; the first does. */
function startsOf(b: Builder, x: Value): Value {
  const [n = 0, m = 0] = x.type.shape
  if (n === 0) return b.full(0, 'bool', [0])
  const before = b.concatenate([b.sliceAxis(x, 0, 0, 1), b.sliceAxis(x, 0, 0, n - 1)], 0)
  const differ = b.reshape(b.reduce('or', b.binary('ne', x, before), [1]), [n])
  return m === 0 || n === 1 ? b.binary('eq', b.iota('i32', [n], 0), b.scalar(0, 'i32')) : orFirst(b, differ)
}

const orFirst = (b: Builder, flags: Value): Value =>
  b.map([flags, b.iota('i32', flags.type.shape, 0)], (flag, i) => f.or(flag!, f.eq(i!, 0)))

/** Distinct slices along an axis, or without one distinct elements, with their first places, the inverse and their numbers. */
export const unique: Operator = {
  floats: 'storage',
  lower: (c: OpContext) => {
    const { b } = c
    const { shape } = c.input(0).type
    const whole = !c.has('axis')
    const x = whole ? b.reshape(c.input(0), [elementCount(shape)]) : c.input(0)
    const axis = whole ? 0 : normalizeAxis(c, c.int('axis'), shape.length)
    const rank = x.type.shape.length
    const n = x.type.shape[axis]!
    const first = b.transpose(x, [axis, ...range(0, rank).filter((i) => i !== axis)])
    const rows = b.reshape(first, [n, elementCount(x.type.shape.toSpliced(axis, 1))])
    const keys = b.convert(rows, comparable(rows.type.dtype))
    const order = rowOrder(b, keys)
    const starts = startsOf(b, b.take(keys, order, 0))
    const numbers = b.iota('i32', [n], 0)
    // Groups of equal slices, in ascending order: the group of each sorted slice, then of each slice.
    const flags = b.convert(starts, 'i32')
    const running = b.cumulate(flags, { kind: 'add', axis: 0, exclusive: false, reverse: false })
    const groups = b.map([running], (g) => f.sub(g!, 1))
    const zeros = b.full(0, 'i32', [n])
    let inverse = scatterVector(b, zeros, order, groups)
    let counts = scatterVector(b, zeros, groups, b.full(1, 'i32', [n]), 'add')
    const { places, count } = placesOf(b, starts)
    let firsts = b.take(order, places, 0)
    if (c.int('sorted', 1) === 0) {
      // Padding sorts behind all places.
      const padded = b.map([firsts, numbers, count], (p, i, k) => f.select(f.lt(i!, k!), p!, n))
      const [byPlace, ranks] = b.sort(padded, 0, false)
      firsts = byPlace
      counts = b.take(counts, ranks, 0)
      inverse = b.take(scatterVector(b, zeros, ranks, numbers), inverse, 0)
    }
    const wide = (v: Value): Value => b.convert(v, 'i64')
    return [
      limited(b, b.take(x, firsts, axis), axis, count),
      limited(b, wide(firsts), 0, count),
      wide(inverse),
      limited(b, wide(counts), 0, count),
    ]
  },
}
