import type { OpContext, Operator } from '../../context.ts'
import { numberOf, productOf, type Dim } from '../../dims.ts'
import type { Value } from '../../../core/graph.ts'

/** Sizes as a vector of i64. */
function vectorOf(c: OpContext, dims: readonly Dim[]): Value {
  const numbers = dims.map(numberOf)
  if (numbers.every((n) => n !== undefined)) return c.b.vector(numbers, 'i64')
  const each = dims.map((dim) => c.b.reshape(c.b.convert(c.sized.value(c.b, dim), 'i64'), [1]))
  return c.b.concatenate(each, 0)
}

export const shape: Operator = {
  floats: 'storage',
  sized: true,
  lower: (c) => {
    const dims = c.dims(0)
    return [vectorOf(c, dims.slice(c.int('start', 0), c.int('end', dims.length)))]
  },
}

export const size: Operator = {
  floats: 'storage',
  sized: true,
  lower: (c) => [c.b.reshape(vectorOf(c, [productOf(c.dims(0))]), [])],
}
