import type { Expr } from '../../../core/scalar/expr.ts'
import type { Value } from '../../../core/graph.ts'
import type { OpContext } from '../../context.ts'
import * as f from '../../../core/scalar/formula.ts'
import { attentionScores, weightedValues } from '../../shared/nn/attention.ts'
import { softmax } from '../../shared/nn/softmax.ts'

/** The least f32: what a later key's score is replaced by, so that rows that are masked throughout stay finite. */
const lowest = -3.4028234663852886e38

/** [batch, heads, sequence, size] of [batch, sequence, heads · size]. */
export function splitHeads(c: OpContext, x: Value, heads: number): Value {
  const [batch = 0, sequence = 0, hidden = 0] = x.type.shape
  c.check(x.type.shape.length === 3, `[${x.type.shape.join(',')}] has not three axes`)
  c.check(heads >= 1 && hidden % heads === 0, `${hidden} features do not divide into ${heads} heads`)
  return c.b.transpose(c.b.reshape(x, [batch, sequence, heads, hidden / heads]), [0, 2, 1, 3])
}

/** [batch, sequence, heads · size] of [batch, heads, sequence, size]. */
export function mergeHeads(c: OpContext, x: Value): Value {
  const [batch = 0, heads = 0, sequence = 0, size = 0] = x.type.shape
  return c.b.reshape(c.b.transpose(x, [0, 2, 1, 3]), [batch, sequence, heads * size])
}

/** `x` behind what the cache holds along the axis of positions, if there is one. */
export const appended = (c: OpContext, past: Value | undefined, x: Value): Value =>
  past ? c.b.concatenate([past, x], 2) : x

/** Attribute `scale`, of which 0 stands for 1 / √size. */
export const scaleOf = (c: OpContext, size: number): number => c.float('scale', 0) || 1 / Math.sqrt(size)

export interface Attended {
  /** Each [batch, heads, positions, size], keys and values with the cache's before them. */
  readonly query: Value
  readonly key: Value
  readonly value: Value
  readonly scale: number
  /** What is added to scores [batch, heads, queries, keys]; each broadcasts. */
  readonly addends: readonly Value[]
  /** Where a query sees no key later than its own: how many keys there are before that of the first query. */
  readonly past: number | undefined
}

/** softmax(scale · Q Kᵀ + addends) V as [batch, queries, heads · size], and the scores before the softmax. */
export function attend(c: OpContext, a: Attended): { result: Value; scores: Value } {
  const { b } = c
  const [, , queries = 0] = a.query.type.shape
  const [, , keys = 0] = a.key.type.shape
  const positions = a.past !== undefined ? [b.iota('i32', [queries, 1], 0), b.iota('i32', [keys], 0)] : []
  const products = attentionScores(b, a.query, a.key)
  const scores = b.map([products, ...a.addends, ...positions], (score, ...rest) => {
    const sum = rest.slice(0, a.addends.length).reduce<Expr>((s, e) => f.add(s, e), f.mul(score, a.scale))
    const [i, j] = rest.slice(a.addends.length)
    return i && j ? f.select(f.le(j, f.add(i, a.past!)), sum, lowest) : sum
  })
  return { result: mergeHeads(c, weightedValues(b, softmax(b, scores, [3]), a.value)), scores }
}
