import type { Builder } from '../../../core/builder.ts'
import type { Value } from '../../../core/graph.ts'

const dot = { lhsBatch: [0, 1], rhsBatch: [0, 1], lhsContract: [3] }

/** As many heads of `x` [batch, heads, rows, size] as share one head of keys, one below the other. */
const grouped = (b: Builder, x: Value, keyHeads: number): Value => {
  const [batch = 0, heads = 0, rows = 0, size = 0] = x.type.shape
  return b.reshape(x, [batch, keyHeads, (heads / keyHeads) * rows, size])
}

/** Q Kᵀ [batch, heads, queries, keys]; the heads of `query` are a multiple of those of `key`, [batch, heads, keys, size]. */
export function attentionScores(b: Builder, query: Value, key: Value): Value {
  const [batch = 0, keyHeads = 0, keys = 0] = key.type.shape
  const products = b.dotGeneral(grouped(b, query, keyHeads), key, { ...dot, rhsContract: [3] })
  return b.reshape(products, [batch, ...query.type.shape.slice(1, 3), keys])
}

/** `weights` [batch, heads, queries, keys] times `value` [batch, heads, keys, size], heads as above. */
export function weightedValues(b: Builder, weights: Value, value: Value): Value {
  const [batch = 0, keyHeads = 0, , width = 0] = value.type.shape
  const products = b.dotGeneral(grouped(b, weights, keyHeads), value, { ...dot, rhsContract: [2] })
  return b.reshape(products, [batch, ...weights.type.shape.slice(1, 3), width])
}
