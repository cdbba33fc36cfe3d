import type { onnx as types } from 'onnx-proto'
import { elementCount } from '../../compiler/core/shape.ts'
import { tensorOf, type Tensor } from '../../compiler/core/tensor.ts'
import { model, node, stored, type AttributeValue } from '../onnx/build.ts'
import { Random } from '../support/random.ts'

export const sizes = { length: 16, hidden: 128, heads: 2, inner: 512, words: 64, layers: 2 }

/** Dynamic int8 is what onnxruntime's quantize_dynamic makes: weights in i8 with one scale, tables in u8. */
export type Numbers = 'f32' | 'int8'
/** As an exporter writes it, or as onnxruntime's optimizer for transformers leaves it. */
export type Form = 'plain' | 'fused'

const weightScale = 0.002
const tableScale = 0.01
const tableZero = 120

/** The nodes of an encoder, layer by layer; the same random numbers in the same order for all forms. */
class Encoder {
  readonly nodes: types.INodeProto[] = []
  readonly initializers: types.ITensorProto[] = []
  private readonly random = new Random(23)
  private count = 0
  private readonly form: Form
  private readonly numbers: Numbers

  constructor(form: Form, numbers: Numbers) {
    this.form = form
    this.numbers = numbers
  }

  add(operator: string, inputs: readonly string[], attributes: Record<string, AttributeValue> = {}, outputs = 1) {
    const results = Array.from({ length: outputs }, () => `v${this.count++}`)
    const fused = /Attention|LayerNormalization|BiasGelu|DynamicQuantizeMatMul/.test(operator)
    const own = operator === 'LayerNormalization' || !fused
    const domain = own ? {} : { domain: 'com.microsoft' }
    this.nodes.push(node(`${results.join()} = ${operator}(${inputs.join()})`, { ...domain, attributes }))
    return results
  }

  one(operator: string, inputs: readonly string[], attributes: Record<string, AttributeValue> = {}): string {
    return this.add(operator, inputs, attributes)[0]!
  }

  store(t: Tensor): string {
    const name = `w${this.count++}`
    this.initializers.push(stored(name, t))
    return name
  }

  private floats(shape: readonly number[], scale: number, middle = 0): Tensor {
    const values = Array.from({ length: elementCount(shape) }, () => middle + (this.random.float() * 2 - 1) * scale)
    return tensorOf('f32', shape, values)
  }

  vector = (size: number, middle = 0): string => this.store(this.floats([size], 0.1, middle))
  private scalar = (value: number): string => this.store(tensorOf('f32', [], [value]))

  /** Integers of weights, whose real values are weightScale times that. */
  private integers(rows: number, columns: number): number[] {
    return Array.from({ length: rows * columns }, () => this.random.int(255) - 127)
  }

  /** `columns` of each of `count` matrices, side by side where they are joined. */
  matrices(rows: number, columns: number, count: number): string[] {
    const parts = Array.from({ length: count }, () => this.integers(rows, columns))
    const keep = (shape: readonly number[], values: readonly number[]): string =>
      this.numbers === 'int8'
        ? this.store(tensorOf('i8', shape, values))
        : this.store(
            tensorOf(
              'f32',
              shape,
              values.map((v) => v * weightScale),
            ),
          )
    if (this.form === 'plain') return parts.map((values) => keep([rows, columns], values))
    const joined = Array.from({ length: rows }, (_, r) =>
      parts.flatMap((values) => values.slice(r * columns, (r + 1) * columns)),
    ).flat()
    return [keep([rows, count * columns], joined)]
  }

  /** x times weights, plus biases. */
  private product(x: string, weights: string, biases: string, quantized?: string[]): string {
    if (this.numbers === 'f32') return this.one('Add', [this.one('MatMul', [x, weights]), biases])
    if (this.form === 'fused')
      return this.one('DynamicQuantizeMatMul', [x, weights, this.scalar(weightScale), '', biases])
    const [bytes, scale, zero] = quantized ?? this.add('DynamicQuantizeLinear', [x], {}, 3)
    const sum = this.one('Cast', [this.one('MatMulInteger', [bytes!, weights, zero!])], { to: 1 })
    const real = this.one('Mul', [sum, this.one('Mul', [scale!, this.scalar(weightScale)])])
    return this.one('Add', [real, biases])
  }

  dense(x: string, rows: number, columns: number): string {
    const [weights] = this.matrices(rows, columns, 1)
    return this.product(x, weights!, this.vector(columns))
  }

  private table(rows: number, columns: number): Tensor {
    const bytes = Array.from({ length: rows * columns }, () => this.random.int(256))
    if (this.numbers === 'int8') return tensorOf('u8', rows === 1 ? [columns] : [rows, columns], bytes)
    const values = bytes.map((v) => (v - tableZero) * tableScale)
    return tensorOf('f32', rows === 1 ? [columns] : [rows, columns], values)
  }

  embeddings(): string {
    const { words, length, hidden } = sizes
    const rows = [words, length, 2, 1, 1]
    const tables = rows.map((n) => this.store(this.table(n, hidden)))
    const [word, position, segment, gamma, beta] = tables as [string, string, string, string, string]
    const [scale, zero] = [this.scalar(tableScale), this.store(tensorOf('u8', [], [tableZero]))]
    const epsilon = { epsilon: { float: 1e-12 } }
    if (this.form === 'fused') {
      const inputs = ['ids', 'segments', word, position, segment, gamma, beta]
      if (this.numbers === 'f32') return this.add('EmbedLayerNormalization', inputs, epsilon, 2)[0]!
      const parameters = [...rows.map(() => scale), ...rows.map(() => zero)]
      return this.add('QEmbedLayerNormalization', [...inputs, '', ...parameters], epsilon, 2)[0]!
    }
    const real = (x: string): string => (this.numbers === 'f32' ? x : this.one('DequantizeLinear', [x, scale, zero]))
    const looked = this.one('Add', [real(this.one('Gather', [word, 'ids'])), real(position)])
    const sum = this.one('Add', [looked, real(this.one('Gather', [segment, 'segments']))])
    return this.one('LayerNormalization', [sum, real(gamma), real(beta)], epsilon)
  }

  /** What the mask adds to scores, or the mask as it is where the attention takes it. */
  mask(): string {
    if (this.form === 'fused') return this.one('Cast', ['mask'], { to: 6 })
    const shape = this.store(tensorOf('i64', [4], [1, 1, 1, sizes.length]))
    const flags = this.one('Reshape', [this.one('Cast', ['mask'], { to: 1 }), shape])
    return this.one('Mul', [this.one('Sub', [this.scalar(1), flags]), this.scalar(-10000)])
  }

  attention(x: string, mask: string): string {
    const { length, hidden, heads } = sizes
    const weights = this.matrices(hidden, hidden, 3)
    const biases = Array.from({ length: 3 }, () => this.floats([hidden], 0.1))
    if (this.form === 'fused') {
      const joined = this.store(
        tensorOf(
          'f32',
          [3 * hidden],
          biases.flatMap((b) => [...b.data].map(Number)),
        ),
      )
      const attributes = { num_heads: heads }
      if (this.numbers === 'f32') return this.one('Attention', [x, weights[0]!, joined, mask], attributes)
      const [bytes, scale, zero] = this.add('DynamicQuantizeLinear', [x], {}, 3)
      return this.one(
        'QAttention',
        [bytes!, weights[0]!, joined, scale!, this.scalar(weightScale), mask, zero!],
        attributes,
      )
    }
    const apart = this.store(tensorOf('i64', [4], [1, length, heads, hidden / heads]))
    const together = this.store(tensorOf('i64', [3], [1, length, hidden]))
    const quantized = this.numbers === 'int8' ? this.add('DynamicQuantizeLinear', [x], {}, 3) : undefined
    const [query, key, value] = weights.map((w, i) => {
      const projected = this.product(x, w, this.store(biases[i]!), quantized)
      return this.one('Transpose', [this.one('Reshape', [projected, apart])], {
        perm: i === 1 ? [0, 2, 3, 1] : [0, 2, 1, 3],
      })
    })
    const products = this.one('MatMul', [query!, key!])
    const scores = this.one('Add', [this.one('Div', [products, this.scalar(Math.sqrt(hidden / heads))]), mask])
    const result = this.one('MatMul', [this.one('Softmax', [scores], { axis: -1 }), value!])
    return this.one('Reshape', [this.one('Transpose', [result], { perm: [0, 2, 1, 3] }), together])
  }

  /** Layer normalization of x + skip. */
  normalized(x: string, skip: string): string {
    const [gamma, beta] = [this.vector(sizes.hidden, 1), this.vector(sizes.hidden)]
    const epsilon = { epsilon: { float: 1e-12 } }
    if (this.form === 'fused') return this.one('SkipLayerNormalization', [x, skip, gamma, beta], epsilon)
    return this.one('LayerNormalization', [this.one('Add', [x, skip]), gamma, beta], epsilon)
  }

  /** gelu(x W + b). */
  activated(x: string, rows: number, columns: number): string {
    const [weights] = this.matrices(rows, columns, 1)
    const biases = this.vector(columns)
    if (this.form === 'fused') {
      const product =
        this.numbers === 'f32'
          ? this.one('MatMul', [x, weights!])
          : this.one('DynamicQuantizeMatMul', [x, weights!, this.scalar(weightScale)])
      return this.one('BiasGelu', [product, biases])
    }
    const sum = this.product(x, weights!, biases)
    const erf = this.one('Erf', [this.one('Div', [sum, this.scalar(Math.SQRT2)])])
    const half = this.one('Mul', [sum, this.one('Add', [erf, this.scalar(1)])])
    return this.one('Mul', [half, this.scalar(0.5)])
  }
}

/** The bytes of an encoder like BERT's, of 2 layers with random weights. Inputs: ids, segments, mask; output: y. */
export function bert(form: Form, numbers: Numbers): Uint8Array {
  const { length, hidden, inner, layers } = sizes
  const e = new Encoder(form, numbers)
  let x = e.embeddings()
  const mask = e.mask()
  for (let layer = 0; layer < layers; layer++) {
    const attended = e.normalized(e.dense(e.attention(x, mask), hidden, hidden), x)
    x = e.normalized(e.dense(e.activated(attended, hidden, inner), inner, hidden), attended)
  }
  e.nodes.push(node(`y = Identity(${x})`))
  const inputs = ['ids', 'segments', 'mask'].map((name) => `${name} i32[1,${length}]`)
  return model(
    { inputs, outputs: ['y'], nodes: e.nodes, initializers: e.initializers },
    {
      opsetImport: [
        { domain: '', version: 17 },
        { domain: 'com.microsoft', version: 1 },
      ],
    },
  )
}
