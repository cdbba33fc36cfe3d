import * as expr from '../../../core/scalar/expr.ts'
import type { Expr } from '../../../core/scalar/expr.ts'
import type { Value } from '../../../core/graph.ts'
import type { OpContext, Operator } from '../../context.ts'
import * as f from '../../../core/scalar/formula.ts'
import { known, mostLength, numberOf, rangeOfDim, sameDim, subtract, type Dim } from '../../dims.ts'
import { range } from '../../shared/axes.ts'
import { attentionScores, weightedValues } from '../../shared/nn/attention.ts'
import { turned } from '../attention/rotary-embedding.ts'
import { mergeHeads, scaleOf, splitHeads } from './attend.ts'

/** Lengths that shapes follow from, and where each sequence of the batch is. */
interface Cache {
  /** Positions of a sequence that are new. */
  readonly added: number
  /** Positions that present keys have room for, and how many of them there are. */
  readonly room: number
  readonly length: Dim
  /** The longest sequence, with the new positions. */
  readonly longest: Dim
  /** [batch, 1] i32: how many positions of a sequence came before; how many there are with the new ones. */
  readonly past: Value
  readonly total: Value
  /** Whether nothing came before; undefined where that is known at run time only. */
  readonly isPrompt: boolean | undefined
}

/** bool[]: whether nothing came before. */
const isFirst = ({ b, sized }: OpContext, longest: Dim, added: number): Value =>
  b.map([sized.value(b, longest)], (n) => f.eq(n, added))

function cacheOf(c: OpContext, added: number, batch: number): Cache {
  const { b } = c
  const held = c.inputs[3] ? c.dims(3)[2]! : known(0)
  const old = c.inputs[3]?.type.shape[2] ?? 0
  // Without a past all positions are new.
  const given = c.inputs[3] ? c.sizes(6)[0]! : known(added)
  const fixed = numberOf(given) ?? added
  c.check(
    fixed >= added && fixed <= old + added,
    `total_sequence_length is ${fixed} for ${added} new positions and a past of ${old}`,
  )
  const { high } = rangeOfDim(given)
  // What nothing bounds stays within the room of the past.
  const most = high <= mostLength ? Math.max(added, Math.min(high, old + added)) : Math.max(old, added)
  c.within(given, added, most, 'total_sequence_length')
  const longest = most === added ? known(added) : given
  const length = most <= rangeOfDim(held).low ? held : c.sized.max(b, held, longest)

  const lengths = b.convert(b.reshape(c.input(5), [batch, 1]), 'i32')
  const total = b.map([lengths], (n) => f.add(n, 1))
  const number = numberOf(longest)
  const isPrompt = number === undefined ? undefined : number === added
  const before = (n: Expr): Expr => f.sub(n, added)
  const past = (): Value => {
    if (isPrompt) return b.full(0, 'i32', [batch, 1])
    if (isPrompt === false) return b.map([total], before)
    return b.map([isFirst(c, longest, added), total], (first, n) => f.select(first, 0, before(n)))
  }
  return { added, room: Math.max(old, most), length, longest, past: past(), total, isPrompt }
}

/** Keys or values with the new ones where they belong, and zeros behind: [batch, heads, room, size]. */
function present(c: OpContext, held: Value | undefined, added: Value, cache: Cache): Value {
  const { b } = c
  const [batch = 0, heads = 0, count = 0, size = 0] = added.type.shape
  if (cache.isPrompt || !held)
    return b.pad(added, b.scalar(0, added.type.dtype), [0, 0, 0, 0], [0, 0, cache.room - count, 0])
  const places = b.map([b.iota('i32', [cache.room], 0), cache.past], (t, p) => f.sub(t, p))
  const taken = b.gather(added, places, {
    offsetDims: [1, 3],
    collapsedSliceDims: [2],
    operandBatchingDims: [0],
    startIndicesBatchingDims: [0],
    startIndexMap: [2],
    indexVectorDim: 2,
    sliceSizes: [1, heads, 1, size],
  })
  const lead = [0, 0, 0, 0]
  const old = b.pad(held, b.scalar(0, held.type.dtype), lead, [0, 0, cache.room - held.type.shape[2]!, 0])
  const place = b.reshape(places, [batch, 1, cache.room, 1])
  return b.map([place, taken, old], (at, fresh, before) =>
    f.select(f.lt(at, 0), before, f.select(f.lt(at, count), fresh, expr.constant(0, fresh.dtype))),
  )
}

/** [batch, sequence]: given ones of a prompt say where it begins. */
function positionsOf(c: OpContext, { past, added, longest, isPrompt }: Cache, batch: number): Value {
  const { b } = c
  const given = c.inputs[9]
  if (given && isPrompt === false) return given
  const first = given ? b.convert(b.reshape(b.slice(given, [0, 0], [1, 1]), [1, 1]), 'i32') : past
  const counted = b.map([first, b.iota('i32', [added], 0)], (p, i) => f.add(p, i))
  if (!given || isPrompt) return b.broadcast(counted, [batch, added])
  return b.map([isFirst(c, longest, added), counted, b.convert(given, 'i32')], f.select)
}

/** Rows over the last axis; e^sink joins the denominator of each. */
function softmaxWith(c: OpContext, x: Value, sink: Value | undefined): Value {
  const { b } = c
  const highest = b.reduce('max', x, [3], true)
  const most = sink ? b.binary('max', highest, sink) : highest
  const powers = b.map([x, most], (e, m) => f.exp(f.sub(e, m)))
  const sum = b.reduce('add', powers, [3], true)
  const total = sink ? b.map([sum, sink, most], (s, e, m) => f.add(s, f.exp(f.sub(e, m)))) : sum
  return b.binary('div', powers, total)
}

/** Scores with what the query does not see at -Infinity: padding, what comes later, what is before the window. */
function seen(c: OpContext, scores: Value, bias: Value | undefined, cache: Cache): Value {
  const { b } = c
  const [batch = 0, , queries = 0, keys = 0] = scores.type.shape
  const window = c.int('local_window_size', -1)
  c.check(window !== 0, 'local_window_size is 0')
  const causal = c.int('causal', 1) !== 0
  const column = (v: Value): Value => b.reshape(v, [batch, 1, 1, 1])
  const positions = [b.iota('i32', [queries, 1], 0), b.iota('i32', [keys], 0), column(cache.past), column(cache.total)]
  return b.map([scores, ...positions, ...(bias ? [bias] : [])], (score, i, j, past, total, added) => {
    const sum = added ? f.add(score, added) : score
    const own = f.add(past, i)
    const allowed: Expr[] = [f.lt(j, total), ...(causal ? [f.le(j, own)] : [])]
    if (window > 0) allowed.push(f.gt(j, f.sub(own, window)))
    return f.select(allowed.reduce(f.and), sum, expr.constant(-Infinity, 'f32'))
  })
}

/** What attention of this name may have and attar has not. */
function refuse(c: OpContext): void {
  if (c.int('sliding_window_cache', 0) !== 0) c.unsupported('sliding_window_cache')
  for (const name of ['k_quant_type', 'v_quant_type'])
    if (c.string(name, 'NONE') !== 'NONE') c.unsupported(`${name} "${c.string(name)}"`)
  if (c.inputs[12] ?? c.inputs[13]) c.unsupported('a quantized cache')
  if (c.inputs[14] ?? c.inputs[15]) c.unsupported('q_norm_weight or k_norm_weight')
  c.inputs.forEach((x, i) => {
    const isKnown =
      x === undefined || c.dims(i).every((dim, axis) => lengths.get(i) === axis || numberOf(dim) !== undefined)
    if (!isKnown) c.unsupported(`input ${i} of a length that is known at run time only`)
  })
}

/** The axes whose length may be known at run time only, by input: positions of a past, and keys of an addend. */
const lengths: ReadonlyMap<number, number> = new Map([
  [3, 2],
  [4, 2],
  [10, 3],
])

/** What is added to scores, [batch, heads, queries, room]. */
function addendOf(c: OpContext, { longest, room }: Cache): Value | undefined {
  const bias = c.inputs[10]
  if (!bias) return undefined
  const keys = c.dims(10)[3]!
  if (!sameDim(keys, longest))
    c.within(subtract(longest, keys), 0, 0, 'total_sequence_length without the keys of attention_bias')
  const missing = room - bias.type.shape[3]!
  return c.b.pad(bias, c.b.scalar(0, bias.type.dtype), [0, 0, 0, 0], [0, 0, 0, missing])
}

/**
 * Causal attention with several query heads to one of keys and values. Inputs: queries (which may pack keys and values behind
 * them), keys, values, past keys and values, lengths less 1, the longest of them, cosines and sines by position, positions, addend
 * to scores, sinks. Outputs: result, present keys and values, scores before or after the softmax (ContribOperators.md).
 */
export const groupQueryAttention: Operator = {
  sized: true,
  limits:
    'a total_sequence_length known at run time is no longer than past, unless it has a bound; no quantized or windowed cache',
  lower: (c: OpContext) => {
    const { b } = c
    refuse(c)
    const [heads, keyHeads] = [c.int('num_heads'), c.int('kv_num_heads')]
    c.check(keyHeads >= 1 && heads % keyHeads === 0, `${heads} query heads do not divide among ${keyHeads} of keys`)
    const [batch = 0, added = 0, width = 0] = c.input(0).type.shape
    const packed = c.inputs[1] === undefined
    const size = width / (packed ? heads + 2 * keyHeads : heads)
    c.check(Number.isInteger(size), `${width} features for ${heads} heads`)
    const part = (i: number): Value => {
      if (!packed) return c.input(i)
      return b.sliceAxis(c.input(0), 2, [0, heads, heads + keyHeads][i]! * size, (i === 0 ? heads : keyHeads) * size)
    }
    const split = range(0, 3).map((i) => splitHeads(c, part(i), i === 0 ? heads : keyHeads))
    const cache = cacheOf(c, added, batch)
    const rotate = (x: Value): Value => {
      if (c.int('do_rotary', 0) === 0) return x
      const [cosines, sines] = [c.input(7), c.input(8)]
      const rotated = 2 * cosines.type.shape[1]!
      const positions = positionsOf(c, cache, batch)
      return turned(c, x, 1, { cosines, sines, positions, rotated, interleaved: c.int('rotary_interleaved', 0) !== 0 })
    }
    const query = rotate(split[0]!)
    const key = present(c, c.inputs[3], rotate(split[1]!), cache)
    const value = present(c, c.inputs[4], split[2]!, cache)

    const scale = scaleOf(c, size)
    const softcap = c.float('softcap', 0)
    const scores = b.map([attentionScores(b, query, key)], (e) => {
      const scaled = f.mul(e, scale)
      return softcap > 0 ? f.mul(f.tanh(f.div(scaled, softcap)), softcap) : scaled
    })
    const masked = seen(c, scores, addendOf(c, cache), cache)
    const sinks = c.inputs[11] && b.reshape(c.inputs[11], [heads, 1, 1])
    const sink = sinks ?? (c.int('smooth_softmax', 0) === 1 ? b.scalar(0, 'f32') : undefined)
    const weights = softmaxWith(c, masked, sink)
    const result = mergeHeads(c, weightedValues(b, weights, value))
    const [keys, values] = [key, value].map((x) => c.sizedTo(x, x.type.shape.map(known).with(2, cache.length)))
    if (c.outputCount < 4) return [result, keys!, values!]
    const shown = b.map([masked], (e) => f.select(f.eq(e, -Infinity), expr.constant(0, e.dtype), e))
    const own = c.int('qk_output', 0) === 2 ? weights : shown
    const most = Math.min(cache.room, rangeOfDim(cache.longest).high)
    const shape = own.type.shape.map(known).with(3, cache.longest)
    return [result, keys!, values!, c.sizedTo(b.sliceAxis(own, 3, 0, most), shape)]
  },
}
