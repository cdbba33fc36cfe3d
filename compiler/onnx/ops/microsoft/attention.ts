import type { Value } from '../../../core/graph.ts'
import type { OpContext, Operator } from '../../context.ts'
import { range } from '../../shared/axes.ts'
import { integerMatmul } from '../../shared/quantization/integer.ts'
import { matmul } from '../../shared/matmul.ts'
import { dequantizedProduct } from './dynamic-quantize.ts'
import { appended, attend, scaleOf, splitHeads } from './attend.ts'
import { maskAddend } from './masks.ts'

/** Columns `first` … of a matrix or vector of all columns; a parameter for the whole matrix as it is. */
const columns = (c: OpContext, v: Value, first: number, count: number, all: number): Value =>
  v.type.shape.at(-1) === all ? c.b.sliceAxis(v, v.type.shape.length - 1, first, count) : v

/**
 * Heads of queries, keys and values by `project`, which gives `count` columns of the joined projection from column `first` on,
 * and attention with the mask in input `mask`, past keys and values [2, batch, heads, positions, size] in input `past`, and the
 * addend in input `bias`. Three products, as in a model that was not fused: each is laid out for what reads it.
 */
function attention(
  c: OpContext,
  sizes: readonly number[],
  project: (first: number, count: number) => Value,
  inputs: { readonly mask: number; readonly past: number; readonly bias?: number },
): Value[] {
  const { b } = c
  if (c.int('do_rotary', 0) !== 0) c.unsupported('do_rotary')
  if (c.int('past_present_share_buffer', 0) !== 0) c.unsupported('past_present_share_buffer')
  const heads = c.int('num_heads')
  c.check(sizes.length === 3 && sizes[0] === sizes[1], `qkv_hidden_sizes are ${sizes.join()}`)
  const [query, ...own] = sizes.map((size, i) => {
    const first = sizes.slice(0, i).reduce((sum, n) => sum + n, 0)
    return splitHeads(c, project(first, size), heads)
  })
  const past = c.inputs[inputs.past]
  c.check(!past || past.type.shape.length === 5, `past has ${past?.type.shape.length} axes`)
  const cached = (i: number): Value | undefined =>
    past && b.reshape(b.sliceAxis(past, 0, i, 1), past.type.shape.slice(1))
  const [key, value] = own.map((x, i) => appended(c, cached(i), x))
  const [batch = 0, , queries = 0, size = 0] = query!.type.shape
  const [, , keys = 0] = key!.type.shape
  const mask = c.inputs[inputs.mask]
  const masked = mask && maskAddend(c, mask, { batch, queries, keys })
  const bias = inputs.bias === undefined ? undefined : c.inputs[inputs.bias]
  const addends = [masked, bias].filter((v) => v !== undefined)
  const before = c.int('unidirectional', 0) !== 0 ? keys - queries : undefined
  const scale = scaleOf(c, size)
  const { result } = attend(c, { query: query!, key: key!, value: value!, scale, addends, past: before })
  if (c.outputCount < 2) return [result]
  const one = (v: Value): Value => b.reshape(v, [1, ...v.type.shape])
  return [result, b.concatenate([one(key!), one(value!)], 0)]
}

const thirds = (total: number): number[] => range(0, 3).map(() => total / 3)

/** Inputs: x, joined weights and biases of queries, keys and values, mask, past, addend to scores (ContribOperators.md). */
export const microsoftAttention: Operator = {
  limits: 'without rotary embedding, without a buffer that past and present share',
  lower: (c: OpContext) => {
    const [x, weights, biases] = [c.input(0), c.input(1), c.inputs[2]]
    c.check(weights.type.shape.length === 2, `the weights have ${weights.type.shape.length} axes`)
    const total = weights.type.shape[1]!
    const sizes = c.ints('qkv_hidden_sizes', thirds(total))
    c.check(sizes.reduce((sum, n) => sum + n, 0) === total, `qkv_hidden_sizes are ${sizes.join()} of ${total}`)
    const project = (first: number, count: number): Value => {
      const product = matmul(c.b, x, columns(c, weights, first, count, total))
      return biases ? c.b.binary('add', product, columns(c, biases, first, count, total)) : product
    }
    return attention(c, sizes, project, { mask: 3, past: 4, bias: 5 })
  },
}

/**
 * The same with x and weights in 8 bits. Inputs: x, weights, biases in floats, scales of x and weights, mask, zero points of x and
 * weights, past.
 */
export const qAttention: Operator = {
  limits: 'without rotary embedding, without a buffer that past and present share',
  lower: (c: OpContext) => {
    const [x, weights, biases] = [c.input(0), c.input(1), c.input(2)]
    const total = weights.type.shape.at(-1) ?? 0
    const project = (first: number, count: number): Value => {
      const part = (v: Value): Value => columns(c, v, first, count, total)
      const zero = c.inputs[7]
      const product = integerMatmul(c, x, c.inputs[6], part(weights), zero && part(zero))
      return dequantizedProduct(c, product, c.input(3), part(c.input(4)), part(biases))
    }
    return attention(c, thirds(total), project, { mask: 5, past: 8 })
  },
}
