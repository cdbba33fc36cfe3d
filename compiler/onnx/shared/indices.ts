import type { Builder } from '../../core/builder.ts'
import { constantOf } from '../../core/evaluate.ts'
import type { Value } from '../../core/graph.ts'
import { tensorOf, toNumbers } from '../../core/tensor.ts'
import type { OpContext } from '../context.ts'
import * as f from '../../core/scalar/formula.ts'

/** Indices into an axis of `size` elements, negative ones counted from the end. A205 for a constant one outside. */
export function wrapIndices(c: OpContext, indices: Value, size: number): Value {
  const known = constantOf(indices)
  if (!known) return c.b.map([indices], (i) => f.select(f.lt(i!, 0), f.add(i!, size), i!))
  const values = toNumbers(known)
  const outside = values.find((i) => i < -size || i >= size)
  c.check(outside === undefined, `index ${outside} is outside of ${size} elements`)
  if (values.every((i) => i >= 0)) return indices
  return c.b.constant(
    tensorOf(
      known.dtype,
      known.shape,
      values.map((i) => (i < 0 ? i + size : i)),
    ),
  )
}

/**
 * Index vectors along the last axis of `indices`, component k into an axis of `sizes[k]` elements; negative ones count from the
 * end. A205 for a constant one outside.
 */
export function wrapIndexVectors(c: OpContext, indices: Value, sizes: readonly number[]): Value {
  const known = constantOf(indices)
  toNumbers(known ?? emptyVector).forEach((index, i) => {
    const d = sizes[i % sizes.length]!
    c.check(index >= -d && index < d, `index ${index} is outside of ${d} elements`)
  })
  const size = c.b.vector(sizes, indices.type.dtype)
  return c.b.map([indices, size], (i, n) => f.select(f.lt(i!, 0), f.add(i!, n!), i!))
}

const emptyVector = tensorOf('i64', [0], [])

/** Elements of `x` at fixed places along `axis`: a slice where they are evenly spaced, else a gather. */
export function takeFixed(b: Builder, x: Value, places: readonly number[], axis: number): Value {
  const [first = 0, second = first + 1] = places
  const step = second - first
  if (step !== 0 && places.every((p, i) => p === first + i * step))
    return b.sliceAxis(x, axis, first, places.length, step)
  return b.take(x, b.vector(places, 'i32'), axis)
}
