import type { Value } from '../../../core/graph.ts'
import type { OpContext, Operator } from '../../context.ts'
import { range } from '../../shared/axes.ts'
import { appended, attend, scaleOf, splitHeads } from './attend.ts'
import { maskAddend } from './masks.ts'

/** Entry `i` of axis 3 of a tensor that packs several, [batch, sequence, heads, count, size], as [batch, sequence, heads · size]. */
function unpacked(c: OpContext, x: Value, i: number): Value {
  const [batch = 0, sequence = 0, heads = 0, , size = 0] = x.type.shape
  return c.b.reshape(c.b.sliceAxis(x, 3, i, 1), [batch, sequence, heads * size])
}

/** Queries, keys and values [batch, sequence, features]; keys and values that are [batch, heads, sequence, size] as they are. */
function operands(c: OpContext): Value[] {
  const [query, key, value] = [c.input(0), c.inputs[1], c.inputs[2]]
  const packed = (x: Value, count: number): boolean => x.type.shape.length === 5 && x.type.shape[3] === count
  if (packed(query, 3)) {
    c.check(!key && !value, 'keys and values are given beside a query that packs them')
    return range(0, 3).map((i) => unpacked(c, query, i))
  }
  if (key && packed(key, 2)) {
    c.check(!value, 'values are given beside keys that pack them')
    return [query, unpacked(c, key, 0), unpacked(c, key, 1)]
  }
  return [query, c.input(1), c.input(2)]
}

/**
 * Attention of given queries, keys and values. Inputs: these, biases of all three, mask, addend to scores, past keys and values.
 * Outputs: result, present keys and values, scores (ContribOperators.md).
 */
export const multiHeadAttention: Operator = {
  limits: 'without a buffer that past and present share',
  lower: (c: OpContext) => {
    const { b } = c
    const heads = c.int('num_heads')
    if (c.inputs[8] ?? c.inputs[9]) c.unsupported('past_sequence_length or cache_indirection')
    const given = operands(c)
    const biases = c.inputs[3]
    const split = (x: Value, i: number): Value => {
      if (x.type.shape.length === 4) return x
      const width = x.type.shape.at(-1)!
      // Queries and keys are as wide as each other.
      const first = i * given[0]!.type.shape.at(-1)!
      const biased = biases ? b.binary('add', x, b.sliceAxis(biases, 0, first, width)) : x
      return splitHeads(c, biased, heads)
    }
    const [query, ...own] = given.map(split)
    const whole = given[1]!.type.shape.length === 4
    c.check(!whole || (!biases && !c.inputs[6]), 'keys of four axes go with no bias and no past')
    const [key, value] = own.map((x, i) => appended(c, c.inputs[6 + i], x))
    const [batch = 0, , queries = 0, size = 0] = query!.type.shape
    const keys = key!.type.shape[2]!
    const mask = c.inputs[4] && maskAddend(c, c.inputs[4], { batch, queries, keys })
    const addends = [mask, c.inputs[5]].filter((v) => v !== undefined)
    const causal = c.int('unidirectional', 0) !== 0
    const before = c.inputs[6]?.type.shape[2] ?? 0
    if (causal && keys !== before + queries)
      c.unsupported(`unidirectional with ${queries} queries of ${keys - before} keys`)
    const past = causal ? before : undefined
    const parts = { query: query!, key: key!, value: value!, scale: scaleOf(c, size), addends, past }
    const { result, scores } = attend(c, parts)
    return [result, key!, value!, scores]
  },
}
