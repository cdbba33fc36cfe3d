import type { Value } from '../../../core/graph.ts'
import type { OpContext, Operator } from '../../context.ts'
import { range } from '../../shared/axes.ts'
import * as f from '../../../core/scalar/formula.ts'

/**
 * A recurrence over time, unrolled: S ← e^g S + β k (v - (e^g S)ᵀ k)ᵀ, output scale · Sᵀ q, with a state S [key, value] for
 * each head of keys and values. Rules without decay have g = 0, those without delta add k vᵀ (Operators.md, LinearAttention).
 */
export const linearAttention: Operator = {
  since: 27,
  lower: (c: OpContext) => {
    const { b } = c
    const rule = c.string('update_rule', 'gated_delta')
    c.check(['linear', 'gated', 'delta', 'gated_delta'].includes(rule), `update_rule is "${rule}"`)
    const queryHeads = c.int('q_num_heads')
    const heads = c.int('kv_num_heads')
    c.check(heads >= 1 && queryHeads >= 1 && queryHeads % heads === 0, `${queryHeads} query heads for ${heads}`)
    const [batch = 0, steps = 0, keys = 0] = c.input(1).type.shape
    const size = keys / heads
    const width = (c.input(2).type.shape[2] ?? 0) / heads
    const group = queryHeads / heads
    const given = c.float('scale', 0)
    const scale = given === 0 ? 1 / Math.sqrt(size) : given
    const at = (x: Value, step: number, shape: readonly number[]): Value =>
      b.reshape(b.sliceAxis(x, 1, step, 1), [batch, ...shape])
    /** One number for each head, or for each of its keys: broadcasts over the state. */
    const gate = (x: Value, step: number): Value => {
      const count = x.type.shape[2] ?? 0
      return at(x, step, count === keys && size !== 1 ? [heads, size, 1] : [count, 1, 1])
    }
    const dot = { lhsBatch: [0, 1], rhsBatch: [0, 1], lhsContract: [2], rhsContract: [2] }
    let state = c.inputs[3] ?? b.full(0, c.input(0).type.dtype, [batch, heads, size, width])
    const outputs = range(0, steps).map((step) => {
      const key = at(c.input(1), step, [heads, size])
      const value = at(c.input(2), step, [heads, width])
      if (rule.startsWith('gated')) state = b.map([state, gate(c.input(4), step)], (s, g) => f.mul(s, f.exp(g)))
      let written = b.reshape(value, [batch, heads, 1, width])
      if (rule.endsWith('delta')) {
        const recalled = b.reshape(b.dotGeneral(state, key, dot), [batch, heads, 1, width])
        written = b.map([written, recalled, gate(c.input(5), step)], (v, r, beta) => f.mul(beta, f.sub(v, r)))
      }
      const column = b.reshape(key, [batch, heads, size, 1])
      state = b.map([state, column, written], (s, k, v) => f.add(s, f.mul(k, v)))
      const query = at(c.input(0), step, [heads, group, size])
      const read = b.dotGeneral(query, state, { ...dot, lhsContract: [3] })
      return b.map([b.reshape(read, [batch, 1, queryHeads * width])], (o) => f.mul(o, scale))
    })
    const empty = b.full(0, state.type.dtype, [batch, 0, queryHeads * width])
    return [outputs.length > 0 ? b.concatenate(outputs, 1) : empty, state]
  },
}
