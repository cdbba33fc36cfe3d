import type { Expr } from '../../../core/scalar/expr.ts'
import * as expr from '../../../core/scalar/expr.ts'
import type { Value } from '../../../core/graph.ts'
import type { OpContext, Operator } from '../../context.ts'
import * as f from '../../../core/scalar/formula.ts'
import { attentionScores, weightedValues } from '../../shared/nn/attention.ts'

/** [batch, heads, sequence, size] from that or from [batch, sequence, heads · size] with the heads of attribute `name`. */
function splitHeads(c: OpContext, x: Value, name: string): Value {
  const { shape } = x.type
  if (shape.length === 4) return x
  c.check(shape.length === 3, `an input has ${shape.length} axes`)
  const [batch = 0, sequence = 0, hidden = 0] = shape
  const heads = c.int(name)
  c.check(heads >= 1 && hidden % heads === 0, `${hidden} features do not divide into ${heads} heads`)
  return c.b.transpose(c.b.reshape(x, [batch, sequence, heads, hidden / heads]), [0, 2, 1, 3])
}

/** The mask with positions that it lacks at the end of the last axis masked. */
function paddedMask(c: OpContext, mask: Value, length: number): Value {
  const { dtype, shape } = mask.type
  const missing = length - (shape.at(-1) ?? 0)
  c.check(shape.length >= 1 && missing >= 0, `the mask has shape [${shape.join(',')}] for ${length} keys`)
  // An axis of 1 broadcasts, it is not short.
  if (shape.at(-1) === 1) return mask
  const none = shape.map(() => 0)
  const masked = c.b.scalar(dtype === 'bool' ? 0 : -Infinity, dtype)
  return c.b.pad(mask, masked, none, [...none.slice(1), missing])
}

/** Rows over the last axis; a row that is masked throughout becomes zeros. */
function maskedSoftmax(c: OpContext, x: Value): Value {
  const { b } = c
  const axes = [x.type.shape.length - 1]
  const most = b.reduce('max', x, axes, true)
  const powers = b.map([x, most], (e, m) => f.exp(f.sub(e, f.select(f.eq(m, -Infinity), 0, m))))
  const total = b.reduce('add', powers, axes, true)
  return b.map([powers, total], (p, t) => f.div(p, f.select(f.eq(t, 0), 1, t)))
}

/**
 * softmax(softcap(scale · Q Kᵀ) + mask) V, with several query heads to one of keys and values (Operators.md, Attention-23
 * and -24). Outputs: Y, present key, present value, and the scores at the stage that qk_matmul_output_mode names. All is
 * computed in f32 or wider, so that softmax_precision makes no difference.
 */
export const attention: Operator = {
  since: 23,
  lower: (c: OpContext) => {
    const { b } = c
    const query = splitHeads(c, c.input(0), 'q_num_heads')
    const append = (past: Value | undefined, x: Value): Value => (past ? b.concatenate([past, x], 2) : x)
    const key = append(c.inputs[4], splitHeads(c, c.input(1), 'kv_num_heads'))
    const value = append(c.inputs[5], splitHeads(c, c.input(2), 'kv_num_heads'))
    const [batch = 0, heads = 0, queries = 0, size = 0] = query.type.shape
    const [, keyHeads = 0, keys = 0] = key.type.shape
    const width = value.type.shape.at(-1) ?? 0
    c.check(keyHeads >= 1 && heads % keyHeads === 0, `${heads} query heads do not divide among ${keyHeads} of keys`)

    const scale = c.float('scale', 1 / Math.sqrt(size))
    const scores = b.map([attentionScores(b, query, key)], (e) => f.mul(e, scale))

    const softcap = c.float('softcap', 0)
    const capped = softcap > 0 ? b.map([scores], (e) => f.mul(f.tanh(f.div(e, softcap)), softcap)) : scores
    const biased = masked(c, capped, queries, keys)
    const weights = maskedSoftmax(c, biased)
    const result = weightedValues(b, weights, value)
    const merged = b.reshape(b.transpose(result, [0, 2, 1, 3]), [batch, queries, heads * width])
    const stages = [scores, capped, biased, weights]
    const stage = stages[c.int('qk_matmul_output_mode', 0)]
    c.check(stage !== undefined, 'qk_matmul_output_mode is not one of 0..3')
    return [c.input(0).type.shape.length === 3 ? merged : result, key, value, stage]
  },
}

/** Scores with the mask (input 3) added, and -Infinity where a key is masked, later than the query, or padding (input 6). */
function masked(c: OpContext, scores: Value, queries: number, keys: number): Value {
  const { b } = c
  const mask = c.inputs[3] && paddedMask(c, c.inputs[3], keys)
  const lengths = c.inputs[6]
  const causal = c.int('is_causal', 0) !== 0
  const past = c.inputs[4]?.type.shape[2]
  const counted = lengths && b.map([lengths], (n) => expr.convert(f.clamp(n, 0, keys), 'i32'))
  const length = counted && b.reshape(counted, [counted.type.shape[0]!, 1, 1, 1])
  const operands = [scores, b.iota('i32', [queries, 1], 0), b.iota('i32', [keys], 0)]
  return b.map([...operands, ...(mask ? [mask] : []), ...(length ? [length] : [])], (score, i, j, ...others) => {
    const m = mask && others[0]!
    const n = length && others.at(-1)!
    const allowed: Expr[] = []
    if (m?.dtype === 'bool') allowed.push(m)
    if (n) allowed.push(f.lt(j, n))
    // Queries are the last of the sequence: of the cache's, or of what is not padding.
    if (causal) allowed.push(f.le(j, n && past === undefined ? f.add(i, f.sub(n, queries)) : f.add(i, past ?? 0)))
    const sum = m && m.dtype !== 'bool' ? f.add(score, expr.convert(m, score.dtype)) : score
    return allowed.length > 0 ? f.select(allowed.reduce(f.and), sum, -Infinity) : sum
  })
}
