import { describe, expect, it } from 'vitest'
import { evaluate } from '../../compiler/core/evaluate.ts'
import type { DType } from '../../compiler/core/scalar/dtype.ts'
import { decodeModel } from '../../compiler/onnx/decode.ts'
import { importModel } from '../../compiler/onnx/import.ts'
import { writeModel } from '../../compiler/onnx/write/index.ts'
import { runPasses, simplify } from '../../compiler/passes/index.ts'
import type { Shape } from '../../compiler/core/shape.ts'
import { model, node, stored, type GraphText, type NodeText } from '../onnx/build.ts'
import { Random } from '../support/random.ts'
import { randomTensor } from '../support/run-graph.ts'
import { expectWritten, randomInputs } from './judge.ts'

const random = new Random(3)
const weights = (name: string, shape: Shape, dtype: DType = 'f32') => stored(name, randomTensor(random, dtype, shape))
const of = (text: string, attributes: NodeText['attributes'] = {}) => node(text, { attributes })

const operatorsIn = (bytes: Uint8Array): string =>
  decodeModel(bytes)
    .graph.nodes.map((n) => n.operator)
    .join(' ')

/** Operators of a model that was imported and written again, which must give the same. */
async function writtenAs(text: GraphText): Promise<string> {
  const { graph } = importModel(model(text))
  return operatorsIn(await expectWritten(simplify(graph), randomInputs(graph, random), { tolerance: 1e-5 }))
}

describe('operators that a person would expect', () => {
  it.each<[string, GraphText]>([
    [
      'Conv Relu Conv Clip GlobalAveragePool Reshape Gemm Softmax',
      {
        inputs: ['x f32[1,3,8,8]'],
        nodes: [
          of('a = Conv(x, w, b)', { pads: [1, 1, 1, 1] }),
          'r = Relu(a)',
          of('d = Conv(r, v)', { group: 4, strides: [2, 2] }),
          'c = Clip(d, low, high)',
          'm = GlobalAveragePool(c)',
          of('f = Flatten(m)', { axis: 1 }),
          of('g = Gemm(f, p, q)', { transB: 1 }),
          of('y = Softmax(g)', { axis: 1 }),
        ],
        initializers: [
          ...[weights('w', [4, 3, 3, 3]), weights('b', [4]), weights('v', [4, 1, 3, 3])],
          ...[stored('low', { dtype: 'f32', shape: [], data: Float32Array.of(0) })],
          ...[stored('high', { dtype: 'f32', shape: [], data: Float32Array.of(6) })],
          ...[weights('p', [5, 4]), weights('q', [5])],
        ],
        outputs: ['y'],
      },
    ],
    [
      'MaxPool AveragePool AveragePool AveragePool',
      {
        inputs: ['x f32[1,2,9,9]'],
        nodes: [
          of('a = MaxPool(x)', { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] }),
          of('b = AveragePool(a)', { kernel_shape: [2, 3], pads: [1, 0, 0, 1] }),
          of('c = AveragePool(b)', { kernel_shape: [3, 3], pads: [1, 1, 1, 1], count_include_pad: 1 }),
          of('y = AveragePool(c)', { kernel_shape: [2, 2], strides: [2, 2] }),
        ],
        outputs: ['y'],
      },
    ],
    [
      'Conv Relu',
      {
        inputs: ['x f32[1,3,8,8]'],
        nodes: ['a = Conv(x, w)', 'n = BatchNormalization(a, s, b, m, v)', 'y = Relu(n)'],
        initializers: [
          ...[weights('w', [4, 3, 3, 3]), weights('s', [4]), weights('b', [4]), weights('m', [4])],
          stored('v', { dtype: 'f32', shape: [4], data: Float32Array.of(1, 2, 0.5, 1) }),
        ],
        outputs: ['y'],
      },
    ],
    [
      'LayerNormalization MatMul Add ReduceMean Sigmoid',
      {
        inputs: ['x f32[2,6,8]'],
        nodes: [
          of('a = LayerNormalization(x, s, b)', { axis: -1 }),
          'm = MatMul(a, w)',
          'n = Add(m, c)',
          of('r = ReduceMean(n)', { axes: [1] }),
          'y = Sigmoid(r)',
        ],
        initializers: [weights('s', [8]), weights('b', [8]), weights('w', [8, 4]), weights('c', [4])],
        outputs: ['y'],
      },
    ],
    [
      'ConvTranspose Relu',
      {
        inputs: ['x f32[1,4,5,5]'],
        nodes: [
          of('a = ConvTranspose(x, w, b)', { strides: [2, 2], pads: [1, 1, 0, 1], output_padding: [1, 0], group: 2 }),
          'y = Relu(a)',
        ],
        initializers: [weights('w', [4, 3, 3, 2]), weights('b', [6])],
        outputs: ['y'],
      },
    ],
    [
      'QuantizeLinear DequantizeLinear DequantizeLinear Conv QuantizeLinear DequantizeLinear',
      {
        inputs: ['x f32[1,8,6,6]'],
        nodes: [
          'q = QuantizeLinear(x, xs, xz)',
          'd = DequantizeLinear(q, xs, xz)',
          of('w = DequantizeLinear(wq, ws, wz)', { axis: 0 }),
          'a = Conv(d, w)',
          'p = QuantizeLinear(a, ys, yz)',
          'y = DequantizeLinear(p, ys, yz)',
        ],
        initializers: [
          stored('xs', { dtype: 'f32', shape: [], data: Float32Array.of(0.02) }),
          stored('xz', { dtype: 'u8', shape: [], data: Uint8Array.of(128) }),
          stored('ys', { dtype: 'f32', shape: [], data: Float32Array.of(0.5) }),
          stored('yz', { dtype: 'i8', shape: [], data: Int8Array.of(3) }),
          stored('ws', { dtype: 'f32', shape: [16], data: new Float32Array(16).fill(0.01) }),
          stored('wz', { dtype: 'i8', shape: [16], data: new Int8Array(16) }),
          weights('wq', [16, 8, 3, 3], 'i8'),
        ],
        outputs: ['y'],
      },
    ],
    [
      'Gather Sub Div Mul',
      {
        inputs: ['x f32[4,3]'],
        nodes: ['a = Gather(x, i)', 'b = Sub(a, c)', 'd = Div(b, c)', 'y = Mul(d, d)'],
        initializers: [
          stored('i', { dtype: 'i64', shape: [3], data: BigInt64Array.of(2n, 0n, 3n) }),
          weights('c', [3]),
        ],
        outputs: ['y'],
      },
    ],
  ])('%s', async (expected, text) => {
    expect(await writtenAs(text)).toBe(expected)
  })

  it('convolutions are plain ones after passes put channels last', async () => {
    const { graph } = importModel(
      model({
        inputs: ['x f32[1,3,8,8]'],
        nodes: [
          of('a = Conv(x, w, b)', { pads: [1, 1, 1, 1] }),
          'r = Relu(a)',
          of('p = MaxPool(r)', { kernel_shape: [2, 2], strides: [2, 2] }),
          'c = Conv(p, v)',
          'n = Add(c, c)',
          'm = GlobalAveragePool(n)',
          of('y = Flatten(m)', { axis: 1 }),
        ],
        initializers: [weights('w', [4, 3, 3, 3]), weights('b', [4]), weights('v', [4, 4, 3, 3])],
        outputs: ['y'],
      }),
    )
    const bytes = await expectWritten(runPasses(graph), randomInputs(graph, random), { tolerance: 1e-5 })
    expect(operatorsIn(bytes)).toBe('Conv Relu MaxPool Conv Add GlobalAveragePool Reshape')
  })
})

describe('the file', () => {
  const text: GraphText = {
    inputs: ['x f32[2,3]'],
    nodes: [node('a = MatMul(x, w)', { name: 'dense' }), node('y = Relu(a)', { name: 'act' }), 'z = Exp(y)'],
    initializers: [weights('w', [3, 4])],
    outputs: ['y', 'z'],
  }

  it('keeps names of inputs, outputs and nodes, and has the version and metadata', () => {
    const { graph } = importModel(model(text))
    const decoded = decodeModel(writeModel(graph, { metadata: { author: 'me' } }))
    expect(decoded.graph.nodes.map((n) => n.name)).toEqual(['dense', 'act', 'Exp'])
    expect(decoded.graph.inputs.map((i) => i.name)).toEqual(['x'])
    expect(decoded.graph.outputs.map((o) => [o.name, o.dtype, o.shape])).toEqual([
      ['y', 'f32', [2, 4]],
      ['z', 'f32', [2, 4]],
    ])
    expect([...decoded.graph.initializers.keys()]).toEqual(['dense.weight'])
    expect([decoded.metadata, [...decoded.opsets]]).toEqual([{ author: 'me' }, [['', 18]]])
  })

  it('names constants and values as it is told', () => {
    const { graph } = importModel(model(text))
    const matMul = graph.outputs[0]!.value.node.operands[0]!
    const given = matMul.node.operands[1]!
    const names = new Map([
      [given, 'kernel'],
      [matMul, 'hidden'],
    ])
    const decoded = decodeModel(writeModel(graph, { names })).graph
    expect([...decoded.initializers.keys()]).toEqual(['kernel'])
    expect(decoded.nodes[0]!.outputs).toEqual(['hidden'])
    const { value } = given.node.attrs as { value: Parameters<typeof evaluate>[1][string] }
    const byTensor = decodeModel(writeModel(graph, { names: new Map([[value, 'kernel']]) })).graph
    expect([...byTensor.initializers.keys()]).toEqual(['kernel'])
  })

  it('is the same each time', () => {
    const bytes = (): Uint8Array => writeModel(simplify(importModel(model(text)).graph))
    expect(bytes()).toEqual(bytes())
  })
})
