import * as expr from '../../../core/scalar/expr.ts'
import type { Expr } from '../../../core/scalar/expr.ts'
import type { Value } from '../../../core/graph.ts'
import type { OpContext } from '../../context.ts'
import * as f from '../../../core/scalar/formula.ts'

export interface Scores {
  readonly batch: number
  readonly queries: number
  readonly keys: number
}

/**
 * What a mask of integers adds to scores [batch, heads, queries, keys]: 0 where a key counts, else mask_filter_value. Its forms
 * (ContribOperators.md, Attention and MultiHeadAttention): flags [batch, keys] or [batch, queries, keys]; flags
 * [batch, 1, positions, positions] of at least all keys; [batch] ends of keys; [2 · batch] ends, then first keys; [3 · batch + 2],
 * which begins with ends. Undefined for flags [batch, 1], which would add the same to all keys.
 */
export function maskAddend(c: OpContext, mask: Value, { batch, queries, keys }: Scores): Value | undefined {
  const { b } = c
  const { shape } = mask.type
  const filter = c.float('mask_filter_value', -10000)
  const addend = (counts: Expr): Expr => f.select(counts, expr.constant(0, 'f32'), expr.constant(filter, 'f32'))
  const flags = (m: Value, as: readonly number[]): Value =>
    b.reshape(
      b.map([m], (e) => addend(f.gt(e, 0))),
      as,
    )
  const is = (...wanted: number[]): boolean => wanted.length === shape.length && wanted.every((n, i) => n === shape[i])

  if (is(batch, keys)) return flags(mask, [batch, 1, 1, keys])
  if (is(batch, 1)) return undefined
  if (is(batch, queries, keys)) return flags(mask, [batch, 1, queries, keys])
  const positions = shape[2] ?? 0
  if (is(batch, 1, positions, positions) && positions >= keys)
    return flags(b.slice(mask, [0, 0, keys - queries, 0], [batch, 1, queries, keys]), [batch, 1, queries, keys])

  c.check(is(batch) || is(2 * batch) || is(3 * batch + 2), `the mask has shape [${shape.join(',')}]`)
  const column = (first: number): Value => b.reshape(b.sliceAxis(mask, 0, first, batch), [batch, 1, 1, 1])
  const place = b.iota(mask.type.dtype, [keys], 0)
  if (!is(2 * batch)) return b.map([place, column(0)], (j, end) => addend(f.lt(j, end)))
  return b.map([place, column(0), column(batch)], (j, end, start) => addend(f.and(f.lt(j, end), f.ge(j, start))))
}
