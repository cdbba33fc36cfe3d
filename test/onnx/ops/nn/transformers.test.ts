import { describe, expect, it } from 'vitest'
import { tensorOf, toNumbers, type Tensor } from '../../../../compiler/core/tensor.ts'
import { graph, stored, type AttributeValue } from '../../build.ts'
import { runNode, type OneNode } from '../../one-node.ts'

const f32 = (values: number[], shape = [values.length]): Tensor => tensorOf('f32', shape, values)
const rounded = (t: Tensor): number[] => toNumbers(t).map((v) => Number(v.toFixed(4)))
const result = (node: OneNode): number[] => rounded(runNode(node)[0]!)

describe('Attention', () => {
  // Queries of zeros weigh all the keys they see alike.
  const query = f32([0, 0], [1, 1, 2, 1])
  const key = f32([1, 2], [1, 1, 2, 1])
  const value = f32([10, 20], [1, 1, 2, 1])
  const attend = (inputs: (Tensor | undefined)[], attributes = {}, outputs = 1): Tensor[] =>
    runNode({ operator: 'Attention', opset: 24, inputs, attributes, outputs })

  it('averages values by the softmax of scores', () => {
    expect(rounded(attend([query, key, value])[0]!)).toEqual([15, 15])
    const sharp = f32([Math.log(3), 0], [1, 1, 2, 1])
    expect(rounded(attend([sharp, key, value])[0]!)).toEqual([17.5, 15])
    expect(rounded(attend([sharp, key, value], { scale: { float: 2 } })[0]!)).toEqual([19, 15])
  })

  it('is causal, after what the cache holds', () => {
    expect(rounded(attend([query, key, value], { is_causal: 1 })[0]!)).toEqual([10, 15])
    const past = [f32([5], [1, 1, 1, 1]), f32([100], [1, 1, 1, 1])]
    const outputs = attend([query, key, value, undefined, ...past], { is_causal: 1 }, 3)
    expect(rounded(outputs[0]!)).toEqual([55, 43.3333])
    expect(rounded(outputs[1]!)).toEqual([5, 1, 2])
    expect(rounded(outputs[2]!)).toEqual([100, 10, 20])
  })

  it('ends causal sequences where the padding of the cache begins', () => {
    const one = f32([0], [1, 1, 1, 1])
    const length = tensorOf('i64', [1], [1])
    const inputs = [one, key, value, undefined, undefined, undefined, length]
    expect(rounded(attend(inputs, { is_causal: 1 })[0]!)).toEqual([10])
    expect(rounded(attend(inputs)[0]!)).toEqual([10])
  })

  it('gives zeros where everything is masked, and takes short masks', () => {
    const mask = tensorOf('bool', [2, 2], [0, 0, 0, 1])
    expect(rounded(attend([query, key, value, mask])[0]!)).toEqual([0, 20])
    const short = f32([0, 0, 0, 0], [2, 2])
    const longer = [f32([1, 2, 3], [1, 1, 3, 1]), f32([10, 20, 60], [1, 1, 3, 1])]
    expect(rounded(attend([query, ...longer, short])[0]!)).toEqual([15, 15])
  })

  it('lets several query heads share keys, also with heads in the last axis', () => {
    const four = f32([0, 0, 0, 0], [1, 4, 1, 1])
    const keys = f32([1, 1, 1, 1], [1, 2, 2, 1])
    const values = f32([1, 3, 10, 30], [1, 2, 2, 1])
    expect(rounded(attend([four, keys, values])[0]!)).toEqual([2, 2, 20, 20])
    const flat = [f32([0, 0, 0, 0], [1, 1, 4]), f32([1, 1, 1, 1], [1, 2, 2]), f32([1, 10, 3, 30], [1, 2, 2])]
    const [merged] = attend(flat, { q_num_heads: 4, kv_num_heads: 2 })
    expect(merged!.shape).toEqual([1, 1, 4])
    expect(rounded(merged!)).toEqual([2, 2, 20, 20])
  })

  it('shows its scores at each stage', () => {
    const ones = f32([1, 1], [1, 1, 2, 1])
    const mask = tensorOf('bool', [2, 2], [1, 0, 1, 1])
    const stage = (mode: number): number[] => {
      const attributes = { softcap: { float: 1 }, qk_matmul_output_mode: mode }
      return rounded(attend([ones, key, value, mask], attributes, 4)[3]!)
    }
    const [a, b] = [0.7616, 0.964]
    expect(stage(0)).toEqual([1, 2, 1, 2])
    expect(stage(1)).toEqual([a, b, a, b])
    expect(stage(2)).toEqual([a, -Infinity, a, b])
    expect(stage(3)).toEqual([1, 0, 0.4496, 0.5504])
  })
})

describe('FlexAttention', () => {
  // Two query heads, both zeros, share one head of keys: weights of 1/2.
  const inputs = [f32([0, 0], [1, 2, 1, 1]), f32([1, 2], [1, 1, 2, 1]), f32([10, 20], [1, 1, 2, 1])]
  const attend = (attributes: NonNullable<OneNode['attributes']>): number[] =>
    result({ operator: 'FlexAttention', domain: 'ai.onnx.preview', inputs, attributes })
  const modified = (nodes: string, value: Tensor): AttributeValue => ({
    graph: graph({ inputs: ['s'], outputs: ['r'], nodes: [nodes], initializers: [stored('m', value)] }),
  })

  it('passes scores and probabilities through subgraphs', () => {
    expect(attend({})).toEqual([15, 15])
    expect(attend({ score_mod: modified('r = Add(s, m)', f32([0, Math.log(3)])) })).toEqual([17.5, 17.5])
    expect(attend({ prob_mod: modified('r = Mul(s, m)', f32([2])) })).toEqual([30, 30])
  })

  it('wants results of the same shape', () => {
    expect(() => attend({ score_mod: modified('r = Squeeze(s, m)', tensorOf('i64', [1], [0])) })).toThrow('A205')
  })
})

describe('RotaryEmbedding', () => {
  // A quarter turn at position 1.
  const cos = f32([1, 0], [2, 1])
  const sin = f32([0, 1], [2, 1])
  const positions = tensorOf('i64', [1, 2], [0, 1])
  const rotate = (x: Tensor, attributes = {}): number[] =>
    result({ operator: 'RotaryEmbedding', opset: 23, inputs: [x, cos, sin, positions], attributes })

  it('turns pairs of features by their position', () => {
    expect(rotate(f32([1, 2, 3, 4], [1, 1, 2, 2]))).toEqual([1, 2, -4, 3])
    const part = f32([1, 2, 9, 3, 4, 9], [1, 1, 2, 3])
    expect(rotate(part, { rotary_embedding_dim: 2 })).toEqual([1, 2, 9, -4, 3, 9])
    const heads = f32([1, 2, 3, 4, 5, 6, 7, 8], [1, 2, 4])
    expect(rotate(heads, { num_heads: 2 })).toEqual([1, 2, 3, 4, -6, 5, -8, 7])
  })

  it('pairs halves, or neighbours if interleaved', () => {
    const caches = [f32([0, 1], [1, 1, 2]), f32([1, 0], [1, 1, 2])]
    const node = { operator: 'RotaryEmbedding', opset: 23, inputs: [f32([1, 2, 3, 4], [1, 1, 1, 4]), ...caches] }
    expect(result(node)).toEqual([-3, 2, 1, 4])
    expect(result({ ...node, attributes: { interleaved: 1 } })).toEqual([-2, 1, 3, 4])
  })
})

describe('onnxruntime’s fused operators', () => {
  const run = (operator: string, inputs: Tensor[], attributes = {}, outputs = 1): number[][] =>
    runNode({ operator, domain: 'com.microsoft', inputs, attributes, outputs }).map(rounded)

  it('add their bias before the activation', () => {
    expect(run('BiasGelu', [f32([0, -1]), f32([1, 1])])).toEqual([[0.8413, 0]])
    expect(run('FastGelu', [f32([0]), f32([1])])).toEqual([[0.8412]])
    expect(run('Gelu', [f32([1])])).toEqual([[0.8413]])
  })

  it('normalize sums and give them as an output', () => {
    const inputs = [f32([0, 1], [1, 1, 2]), f32([0, 1], [1, 1, 2]), f32([1, 2]), f32([0, 1]), f32([0, 2])]
    const outputs = run('SkipLayerNormalization', inputs, { epsilon: { float: 0 } }, 4)
    expect(outputs).toEqual([[-1, 3], [2], [0.5], [0, 4]])
  })

  it('multiply transposed matrices', () => {
    const inputs = [f32([1, 2, 3, 4], [1, 2, 2]), f32([1, 1, 0, 1], [1, 2, 2])]
    const attributes = { transA: 1, transB: 1, alpha: { float: 2 } }
    // [[1 3] [2 4]] [[1 0] [1 1]] · 2.
    expect(run('FusedMatMul', inputs, attributes)).toEqual([[8, 6, 12, 8]])
  })

  it('convolve, add and activate', () => {
    const inputs = [f32([1, 2], [1, 1, 2]), f32([1], [1, 1, 1]), f32([-3]), f32([1, 10], [1, 1, 2])]
    expect(run('FusedConv', inputs, { activation: 'LeakyRelu', activation_params: { floats: [0.5] } })).toEqual([
      [-0.5, 9],
    ])
    const clip = { activation: 'Clip', activation_params: { floats: [0, 5] } }
    expect(run('FusedConv', inputs, clip)).toEqual([[0, 5]])
  })
})
