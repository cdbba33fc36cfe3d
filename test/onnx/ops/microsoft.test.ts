import { describe, expect, it } from 'vitest'
import { elementCount } from '../../../compiler/core/shape.ts'
import { tensorOf, toNumbers, type Tensor } from '../../../compiler/core/tensor.ts'
import type { DType } from '../../../compiler/core/scalar/dtype.ts'
import { compile } from '../../../compiler/index.ts'
import { compare } from '../../../compiler/verify/compare.ts'
import { openReference } from '../../../compiler/verify/index.ts'
import { Random } from '../../support/random.ts'
import { runModule } from '../../support/run-graph.ts'
import type { AttributeValue } from '../build.ts'
import { feeds, modelOf, runNode, shapesOf, type OneNode } from '../one-node.ts'

const random = new Random(11)
const between = (dtype: DType, shape: readonly number[], low: number, high: number): Tensor =>
  tensorOf(
    dtype,
    shape,
    Array.from({ length: elementCount(shape) }, () => low + random.int(high - low + 1)),
  )
const f32 = (...shape: number[]): Tensor =>
  tensorOf(
    'f32',
    shape,
    Array.from({ length: elementCount(shape) }, () => random.float() * 2 - 1),
  )
const bytes = (...shape: number[]): Tensor => between('u8', shape, 0, 255)
const signed = (...shape: number[]): Tensor => between('i8', shape, -128, 127)
const i32 = (shape: readonly number[], ...values: number[]): Tensor => tensorOf('i32', shape, values)
const scale = (value: number): Tensor => tensorOf('f32', [], [value])
const zero = (value: number): Tensor => tensorOf('u8', [], [value])
const none = undefined

type Inputs = readonly (Tensor | undefined)[]
type Attributes = Readonly<Record<string, AttributeValue>>

const nodeOf =
  (operator: string, standing: Attributes = {}) =>
  (inputs: Inputs, attributes: Attributes = {}, rest: Partial<OneNode> = {}): OneNode => ({
    operator,
    domain: 'com.microsoft',
    inputs,
    attributes: { ...standing, ...attributes },
    ...rest,
  })

const attention = nodeOf('Attention', { num_heads: 2 })
const multiHead = nodeOf('MultiHeadAttention', { num_heads: 2 })
const grouped = nodeOf('GroupQueryAttention', { num_heads: 4, kv_num_heads: 2 })
const embed = nodeOf('EmbedLayerNormalization')
const rotary = nodeOf('RotaryEmbedding')
const lstm = nodeOf('DynamicQuantizeLSTM', { hidden_size: 4 })
const blocks = nodeOf('GatherBlockQuantized', { block_size: 16 })

const x = f32(2, 4, 8)
const [weights, biases] = [f32(8, 24), f32(24)]
const flags = i32([2, 4], 1, 1, 0, 0, 0, 1, 1, 0)
const past = f32(2, 2, 2, 3, 4)
const present = { outputs: 2 }

const [ids, segments] = [between('i32', [2, 4], 0, 9), between('i32', [2, 4], 0, 1)]
const tables = [f32(10, 8), f32(6, 8), f32(2, 8), f32(8), f32(8)]
const byteTables = [bytes(10, 8), bytes(6, 8), bytes(2, 8), bytes(8), bytes(8)]

const [query, keys, values] = [f32(2, 3, 8), f32(2, 5, 8), f32(2, 5, 12)]
const [pastKey, pastValue] = [f32(2, 2, 4, 4), f32(2, 2, 4, 4)]
const [caches, narrow] = [[f32(16, 8), f32(16, 8)] as const, [f32(8, 2), f32(8, 2)] as const]

const q = (sequence: number, batch = 2): Tensor => f32(batch, sequence, 64)
const kv = (sequence: number, batch = 2): Tensor[] => [f32(batch, sequence, 32), f32(batch, sequence, 32)]
const held = (length: number, batch = 2): Tensor[] => [f32(batch, 2, length, 16), f32(batch, 2, length, 16)]
const prompt = [i32([2], 2, 2), i32([], 3)]
const ragged = [i32([2], 4, 2), i32([], 5)]
const all = { outputs: 3 }
const decoding = { outputs: 3, constant: [6] }

const integers = (directions: number): Inputs => [
  ...[f32(5, 2, 3), signed(directions, 3, 16), signed(directions, 4, 16), f32(directions, 32), none, none, none, none],
  ...[tensorOf('f32', [directions], Array(directions).fill(0.01)), between('i8', [directions], -3, 3)],
  ...[tensorOf('f32', [directions], Array(directions).fill(0.008)), between('i8', [directions], -3, 3)],
]
const stored = { constant: [1, 2, 3, 8, 9, 10, 11], outputs: 3 }
const places = tensorOf('i64', [2, 2], [0n, 3n, 9n, -1n])
const convolution = (input: Tensor, ...bias: Tensor[]): Inputs => [
  ...[input, scale(0.02), zero(120), signed(4, 3, 2, 2), scale(0.01), tensorOf('i8', [], [0]), scale(0.5), zero(100)],
  ...bias,
]

const judged: Readonly<Record<string, OneNode>> = {
  Attention: attention([x, weights, biases]),
  'Attention, causal after a past': attention([x, weights, biases, none, past], { unidirectional: 1 }, present),
  'Attention with flags of keys': attention([x, weights, biases, flags], { unidirectional: 1 }),
  'Attention where rows are masked throughout': attention([x, weights, biases, flags], {
    mask_filter_value: { float: -3.4028234663852886e38 },
  }),
  'Attention with flags of all keys and a past': attention(
    [x, weights, biases, between('i32', [2, 7], 0, 1), past],
    { mask_filter_value: { float: -7 } },
    present,
  ),
  'Attention with flags for each query': attention([x, weights, biases, between('i32', [2, 4, 4], 0, 1)]),
  'Attention with ends of keys': attention([x, weights, biases, i32([2], 2, 3)]),
  'Attention with ends and starts of keys': attention([x, weights, biases, i32([4], 4, 3, 1, 0)]),
  'Attention with cumulated ends': attention([x, weights, biases, i32([8], 4, 3, 0, 4, 8, 0, 4, 8)]),
  'Attention with a mask of one column': attention([x, weights, biases, i32([2, 1], 1, 0)]),
  'Attention with an addend and a scale': attention([x, weights, biases, flags, none, f32(1, 2, 4, 4)], {
    scale: { float: 0.7 },
  }),
  'Attention with values of another width': attention([x, f32(8, 28), f32(28)], { qkv_hidden_sizes: [8, 8, 12] }),
  QAttention: nodeOf('QAttention', { num_heads: 2 })([
    ...[bytes(2, 4, 8), signed(8, 24), biases, scale(0.01), f32(24), flags, zero(120), between('i8', [24], -3, 3)],
  ]),
  'QAttention after a past': nodeOf('QAttention', { num_heads: 2 })(
    [bytes(2, 4, 8), bytes(8, 24), biases, scale(0.01), scale(0.02), none, zero(120), zero(130), past],
    { unidirectional: 1 },
    present,
  ),
  EmbedLayerNormalization: embed([ids, segments, ...tables, between('i32', [2, 4], 0, 1)], {}, all),
  'EmbedLayerNormalization without segments': embed(
    [ids, none, tables[0], tables[1], none, tables[3], tables[4]],
    {},
    present,
  ),
  'EmbedLayerNormalization at given positions': embed(
    [ids, segments, ...tables, none, between('i32', [1, 4], 0, 5)],
    {},
    present,
  ),
  QEmbedLayerNormalization: nodeOf('QEmbedLayerNormalization')(
    [
      ...[ids, segments, ...byteTables, flags, scale(0.1), scale(0.2), scale(0.05), scale(0.01), scale(0.02)],
      ...[zero(128), zero(3), zero(0), zero(7), zero(100)],
    ],
    {},
    present,
  ),
  SkipLayerNormalization: nodeOf('SkipLayerNormalization')([f32(2, 3, 8), f32(3, 8), f32(8), f32(8), f32(8)]),
  SkipSimplifiedLayerNormalization: nodeOf('SkipSimplifiedLayerNormalization')([f32(2, 3, 8), f32(1, 3, 8), f32(8)]),
  MultiHeadAttention: multiHead([query, keys, values, f32(28), i32([2], 3, 4), f32(2, 1, 3, 5)]),
  'MultiHeadAttention, causal after a past': multiHead(
    [query, f32(2, 3, 8), f32(2, 3, 8), biases, between('i32', [2, 7], 0, 1), none, pastKey, pastValue],
    { unidirectional: 1 },
    all,
  ),
  'MultiHeadAttention of keys with heads apart': multiHead([query, f32(2, 2, 5, 4), f32(2, 2, 5, 4)]),
  RotaryEmbedding: rotary([f32(2, 3, 8), between('i64', [2, 3], 0, 7), ...narrow]),
  'RotaryEmbedding of neighbours from a position on': rotary([f32(2, 2, 3, 4), tensorOf('i64', [1], [2n]), ...narrow], {
    interleaved: 1,
  }),
  'RotaryEmbedding of a part': rotary([f32(2, 3, 16), between('i64', [2, 3], 0, 7), ...narrow], {
    num_heads: 2,
    rotary_embedding_dim: 4,
  }),
  'GroupQueryAttention of a prompt that packs keys': grouped(
    [f32(2, 3, 128), none, none, none, none, ...prompt],
    {},
    all,
  ),
  'GroupQueryAttention of a prompt with padding': grouped([q(3), ...kv(3), none, none, i32([2], 2, 1), i32([], 3)]),
  'GroupQueryAttention of a prompt into a longer cache': grouped([q(3), ...kv(3), ...held(8), ...prompt], {}, decoding),
  'GroupQueryAttention of a word after ragged pasts': grouped([q(1), ...kv(1), ...held(4), ...ragged], {}, decoding),
  'GroupQueryAttention of words within a longer cache': grouped(
    [q(2, 1), ...kv(2, 1), ...held(9, 1), i32([1], 5), i32([], 6), ...caches],
    { do_rotary: 1 },
    decoding,
  ),
  'GroupQueryAttention, rotated at given positions': grouped(
    [q(1), ...kv(1), ...held(4), ...ragged, ...caches, tensorOf('i64', [2, 1], [7n, 3n])],
    { do_rotary: 1, rotary_interleaved: 1 },
    decoding,
  ),
  'GroupQueryAttention of a prompt that begins later': grouped(
    [q(3), ...kv(3), none, none, ...prompt, ...caches, tensorOf('i64', [2, 3], [2n, 5n, 9n, 1n, 1n, 1n])],
    { do_rotary: 1 },
  ),
  'GroupQueryAttention with softcap, addend and sinks': grouped(
    [q(3), ...kv(3), none, none, ...prompt, none, none, none, f32(2, 1, 3, 3), f32(4)],
    { softcap: { float: 0.5 }, scale: { float: 0.9 } },
  ),
  'GroupQueryAttention in a window, smoothed': grouped(
    [q(1), ...kv(1), ...held(4), ...ragged],
    { local_window_size: 2, smooth_softmax: 1 },
    decoding,
  ),
  'GroupQueryAttention, not causal, with its scores': grouped(
    [q(3), ...kv(3), none, none, ...prompt],
    { causal: 0, qk_output: 1 },
    { outputs: 4 },
  ),
  'GroupQueryAttention with its weights': grouped(
    [q(3), ...kv(3), none, none, ...prompt],
    { qk_output: 2 },
    { outputs: 4 },
  ),
  DynamicQuantizeMatMul: nodeOf('DynamicQuantizeMatMul')([
    f32(3, 8),
    signed(8, 4),
    f32(4),
    between('i8', [4], -3, 3),
    f32(4),
  ]),
  'DynamicQuantizeMatMul of several matrices': nodeOf('DynamicQuantizeMatMul')([
    f32(2, 3, 8),
    bytes(2, 8, 4),
    scale(0.1),
  ]),
  MatMulIntegerToFloat: nodeOf('MatMulIntegerToFloat')([
    bytes(2, 3, 8),
    bytes(8, 4),
    scale(0.1),
    f32(4),
    zero(4),
    bytes(4),
    f32(4),
  ]),
  MatMulInteger16: nodeOf('MatMulInteger16')([
    between('i16', [2, 3], -3000, 3000),
    between('i16', [3, 4], -3000, 3000),
  ]),
  DynamicQuantizeLSTM: lstm(integers(1), {}, stored),
  'DynamicQuantizeLSTM in both directions': lstm(integers(2), { direction: 'bidirectional' }, stored),
  'GatherBlockQuantized of nibbles in bytes': blocks([bytes(10, 24), places, f32(10, 3), bytes(10, 2)]),
  'GatherBlockQuantized of bytes': blocks([bytes(10, 32), places, f32(10, 2)], { bits: 8 }),
  'GatherBlockQuantized of pairs of bits': blocks([bytes(10, 8), places, f32(10, 2), bytes(10, 1)], { bits: 2 }),
  'GatherBlockQuantized of i4': blocks([between('i4', [10, 32], -8, 7), places, f32(10, 2)], {}, { constant: [0, 2] }),
  'GatherBlockQuantized of u4 with a part of a block': blocks(
    [between('u4', [10, 40], 0, 15), places, f32(10, 3), between('u4', [10, 3], 0, 15)],
    {},
    { constant: [0, 2, 3] },
  ),
  'GatherBlockQuantized across blocks': blocks(
    [between('u4', [20, 3, 10], 0, 15), places, f32(2, 3, 10)],
    { gather_axis: 2, quantize_axis: 0 },
    { constant: [0, 2] },
  ),
  'GatherBlockQuantized along blocks': blocks(
    [between('u4', [3, 20], 0, 15), i32([3], 0, 17, 19), f32(3, 2)],
    { gather_axis: 1 },
    { constant: [0, 2] },
  ),
  CDist: nodeOf('CDist')([f32(5, 3), f32(4, 3)], { metric: 'euclidean' }),
  'CDist of squares': nodeOf('CDist')([f32(5, 3), f32(4, 3)]),
  FusedGemm: nodeOf('FusedGemm')([f32(3, 5), f32(4, 5), f32(4)], {
    ...{ transB: 1, alpha: { float: 0.5 }, beta: { float: 2 } },
    ...{ activation: 'HardSigmoid', activation_alpha: { float: 0.3 }, activation_beta: { float: 0.4 } },
  }),
  TransposeMatMul: nodeOf('TransposeMatMul')([f32(5, 3), f32(5, 4)], { transA: 1 }),
  NhwcMaxPool: nodeOf('NhwcMaxPool')([bytes(1, 5, 6, 3)], {
    kernel_shape: [2, 2],
    strides: [2, 2],
    pads: [0, 0, 1, 0],
  }),
  'QLinearConv with channels last': nodeOf('QLinearConv')(convolution(bytes(1, 5, 6, 3), i32([4], 7, -9, 100, 0)), {
    channels_last: 1,
  }),
  QLinearConv: nodeOf('QLinearConv')(convolution(bytes(1, 3, 5, 6)), { pads: [1, 1, 0, 0] }),
  QLinearWhere: nodeOf('QLinearWhere')([
    ...[between('bool', [6], 0, 1), bytes(6), scale(0.1), zero(4), bytes(6), scale(0.2), zero(9), scale(0.15), zero(7)],
  ]),
}

/** Outputs by name of the reference evaluator. */
const own = (node: OneNode): Record<string, Tensor> =>
  Object.fromEntries(runNode(node).map((t, i) => [`o${i}`, t] as const))

const tolerance = { atol: 2e-6, rtol: 2e-6 }

describe('onnxruntime’s own operators', () => {
  it.each(Object.entries(judged))('%s gives what onnxruntime gives', async (_, node) => {
    const reference = await openReference(modelOf(node), () => expect.unreachable())
    const expected = await reference.run(feeds(node))
    await reference.close()
    const found = own(node)
    expect(Object.keys(found)).toEqual(Object.keys(expected))
    for (const [name, value] of Object.entries(expected))
      expect(compare(found[name]!, value, tolerance).wrong, name).toBeUndefined()
  })

  it.each([
    'GroupQueryAttention of words within a longer cache',
    'GroupQueryAttention in a window, smoothed',
    'Attention with flags of all keys and a past',
    'GatherBlockQuantized of u4 with a part of a block',
    'DynamicQuantizeLSTM in both directions',
  ])('%s compiles', async (name) => {
    const node = judged[name]!
    const { modules, spec } = await compile(modelOf(node), { shapes: shapesOf(node), targets: ['simd'] })
    const found = runModule(modules.simd!, spec, feeds(node))
    for (const [output, value] of Object.entries(own(node)))
      expect(compare(found[output]!, value, tolerance).wrong, output).toBeUndefined()
  })
})

describe('what onnxruntime’s CPU lacks', () => {
  const result = (node: OneNode): number[] => toNumbers(runNode(node)[0]!)
  const columns = (t: Tensor, first: number, count: number): number[] => {
    const width = t.shape.at(-1)!
    return toNumbers(t).filter((_, i) => i % width >= first && i % width < first + count)
  }

  it('is packed queries, keys and values, which are those apart', () => {
    const packed = f32(2, 3, 2, 3, 4)
    const part = (i: number): Tensor => {
      const shaped = { ...packed, shape: [12, 12] }
      return tensorOf('f32', [2, 3, 8], columns(shaped, 4 * i, 4))
    }
    expect(result(multiHead([packed]))).toEqual(result(multiHead([part(0), part(1), part(2)])))
    const pair = f32(2, 5, 2, 2, 4)
    const half = (i: number): Tensor => tensorOf('f32', [2, 5, 8], columns({ ...pair, shape: [20, 8] }, 4 * i, 4))
    expect(result(multiHead([query, pair]))).toEqual(result(multiHead([query, half(0), half(1)])))
  })

  it('is a mask of all positions, of which queries are the last', () => {
    const large = between('i32', [2, 1, 8, 8], 0, 1)
    // Three positions are the past's.
    const rows = toNumbers(large).filter((_, i) => i % 8 < 7 && Math.floor(i / 8) % 8 >= 3 && Math.floor(i / 8) % 8 < 7)
    const small = i32([2, 4, 7], ...rows)
    const masked = (mask: Tensor): number[] => result(attention([x, weights, biases, mask, past]))
    expect(masked(large)).toEqual(masked(small))
    expect(masked(large)).not.toEqual(masked(i32([2, 4, 7], ...rows.map(() => 1))))
  })

  it('is convolutions with channels last', () => {
    const image = tensorOf('f32', [1, 1, 3, 2], [1, 10, 2, 20, 3, 30])
    const kernel = tensorOf('f32', [1, 2, 1, 2], [1, 2, 0.5, 1])
    // Σ over neighbours: 1 + 2·2 + 0.5·10 + 20, then 2 + 2·3 + 0.5·20 + 30.
    expect(result(nodeOf('NhwcConv')([image, kernel, scalarVector(-31)]))).toEqual([-1, 17])
    const addend = tensorOf('f32', [1, 1, 2, 1], [0.5, 3])
    const fused = nodeOf('NhwcFusedConv')([image, kernel, scalarVector(-31), addend], { activation: 'Relu' })
    expect(result(fused)).toEqual([0, 20])
  })

  it('is integers', () => {
    const a = tensorOf('u8', [3], [1, 2, 255])
    const b = tensorOf('u8', [3], [5, 6, 0])
    expect(result(nodeOf('MulInteger')([a, zero(3), b, zero(5)]))).toEqual([0, -1, -1260])
    const data = tensorOf('u8', [2, 2], [10, 20, 30, 41])
    // Real values 1, 2, 3 and 4.1 by columns: means 2 and 3.05 at scale 0.1.
    const mean = [data, scale(0.1), zero(0), scale(0.1), zero(7)]
    expect(result(nodeOf('QLinearReduceMean')(mean, { axes: [0], keepdims: 0 }))).toEqual([27, 37])
  })

  it('is indices outside, which find zeros', () => {
    const outside = blocks([bytes(3, 16), i32([2], 7, 1), f32(3, 1)], { bits: 8 })
    const found = result(outside)
    expect(found.slice(0, 16)).toEqual(Array(16).fill(0))
    expect(found.slice(16).some((v) => v !== 0)).toBe(true)
  })
})

const scalarVector = (value: number): Tensor => tensorOf('f32', [1], [value])

describe('a form that attar has not', () => {
  const refused: readonly (readonly [what: string, node: OneNode, code: string])[] = [
    ['a shared buffer', attention([x, weights, biases, none, past], { past_present_share_buffer: 1 }), 'A203'],
    ['rotary embedding in Attention', attention([x, weights, biases], { do_rotary: 1 }), 'A203'],
    ['a mask of another shape', attention([x, weights, biases, i32([3], 1, 1, 1)]), 'A205'],
    ['a shared buffer of MultiHeadAttention', multiHead([query, keys, values, ...Array<none>(5), i32([1], 1)]), 'A203'],
    ['causal attention to other positions', multiHead([query, keys, keys], { unidirectional: 1 }), 'A203'],
    [
      'a length beyond the past',
      grouped([q(1), ...kv(1), ...held(4), i32([2], 5, 5), i32([], 6)], {}, { constant: [6] }),
      'total_sequence_length is 6 for 1 new positions and a past of 4',
    ],
    ['a windowed cache', grouped([q(3), ...kv(3), none, none, ...prompt], { sliding_window_cache: 1 }), 'A203'],
    ['a quantized cache', grouped([q(3), ...kv(3), none, none, ...prompt], { k_quant_type: 'PER_TENSOR' }), 'A203'],
    ['another metric', nodeOf('CDist')([f32(5, 3), f32(4, 3)], { metric: 'cosine' }), 'A203'],
    [
      'a scale of rotation',
      rotary([f32(2, 3, 8), tensorOf('i64', [1], [0n]), ...narrow], { scale: { float: 2 } }),
      'A203',
    ],
  ]
  it.each(refused)('is refused: %s', (_, node, code) => {
    expect(() => runNode(node)).toThrow(code)
  })
})

type none = undefined
