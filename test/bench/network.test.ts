import { describe, expect, it } from 'vitest'
import { isQuantized } from '../../compiler/bench/network/fake-quantization.ts'
import { lowerToIntegers, lowerToNetwork } from '../../compiler/bench/network/lower.ts'
import type { Layer, Network } from '../../compiler/bench/network/network.ts'
import { writeTflite } from '../../compiler/bench/network/tflite.ts'
import { Unsupported } from '../../compiler/bench/network/unsupported.ts'
import { tensorOf } from '../../compiler/core/tensor.ts'
import { quantize } from '../../compiler/compress/index.ts'
import { compiledExecutor } from '../../compiler/execute.ts'
import { importModel, writeModel } from '../../compiler/index.ts'
import { model, node, stored, type GraphText } from '../onnx/build.ts'
import { Random } from '../support/random.ts'
import { randomTensor } from '../support/run-graph.ts'
import { classifier } from './classifier.ts'
import { residual } from './residual.ts'

const networkOf = (graph: GraphText): Network => lowerToNetwork(importModel(model(graph)).graph)
const nameOf = ({ op, activation }: Layer): string => (activation === 'none' ? op : `${op}+${activation}`)
const onRow = (...nodes: string[]): GraphText => ({
  inputs: ['x f32[1,4]'],
  outputs: ['y f32[1,4]'],
  nodes,
  initializers: [stored('half', tensorOf('f32', [], [0.5])), stored('six', tensorOf('f32', [], [6]))],
})

describe('a model as layers of other systems', () => {
  it('has biases and activations in the layers, and softmax, averages and hard swish whole', () => {
    const { layers, tensors, inputs, outputs } = networkOf(classifier)
    expect(layers.map(nameOf)).toEqual([
      ...['transpose', 'conv2d+relu6', 'depthwiseConv2d', 'hardSwish', 'conv2d', 'add+relu', 'maxPool'],
      ...['pad', 'conv2d', 'sigmoid', 'mean', 'reshape', 'dense', 'softmax'],
    ])
    expect(inputs.map(({ name, tensor }) => [name, tensors[tensor]!.shape])).toEqual([['x', [1, 3, 9, 9]]])
    expect(outputs.map(({ name, tensor }) => [name, tensors[tensor]!.shape])).toEqual([['y', [1, 5]]])
  })

  it('pads apart only where TensorFlow has no word for the padding', () => {
    const { layers } = networkOf(classifier)
    const convolutions = layers.filter(({ op }) => op.toLowerCase().includes('conv2d'))
    // 9 and 5 pixels under 3 × 3 with one pixel around; 1 × 1; 2 × 2 with a border before only.
    expect(convolutions.map(({ attributes }) => attributes.padding)).toEqual(['same', 'same', 'valid', 'valid'])
    const pad = layers.find(({ op }) => op === 'pad')
    expect(pad?.attributes).toEqual({ low: [0, 1, 1, 0], high: [0, 0, 0, 0], value: 0 })
  })

  it('has kernels and weights with the output channel first, or last for depthwise ones', () => {
    const { layers, tensors } = networkOf(classifier)
    const shapes = layers.map(({ op, inputs }) => [op, tensors[inputs[1]!]?.shape] as const)
    expect(shapes.find(([op]) => op === 'conv2d')).toEqual(['conv2d', [4, 3, 3, 3]])
    expect(shapes.find(([op]) => op === 'depthwiseConv2d')).toEqual(['depthwiseConv2d', [1, 3, 3, 4]])
    expect(shapes.find(([op]) => op === 'dense')).toEqual(['dense', [5, 6]])
  })

  it('gives an activation to a layer only if nothing else reads what it gets', () => {
    const shared = networkOf(onRow('t = Add(x, half)', 'r = Relu(t)', 'y = Mul(t, r)'))
    expect(shared.layers.map(nameOf)).toEqual(['add', 'relu', 'mul'])
    const sole = networkOf(onRow('t = Add(x, half)', 'y = Relu(t)'))
    expect(sole.layers.map(nameOf)).toEqual(['add+relu'])
  })

  it('caps at six only what is rectified', () => {
    expect(networkOf(onRow('y = Min(x, six)')).layers.map(nameOf)).toEqual(['minimum'])
    expect(networkOf(onRow('t = Relu(x)', 'y = Min(t, six)')).layers.map(nameOf)).toEqual(['relu6'])
  })

  it('leaves out an average of constants, and multiplies where a sum is meant', () => {
    const axes = stored('axes', tensorOf('i64', [1], [1n]))
    const reduce = (op: string): GraphText => ({
      inputs: ['x f32[2,4]'],
      outputs: ['y f32[2]'],
      nodes: [
        node(`y = ${op}(x${op === 'ReduceSum' ? ', axes' : ''})`, {
          attributes: op === 'ReduceSum' ? { keepdims: 0 } : { keepdims: 0, axes: [1] },
        }),
      ],
      initializers: [axes],
    })
    expect(networkOf(reduce('ReduceMean')).layers.map(nameOf)).toEqual(['mean'])
    const sum = networkOf(reduce('ReduceSum'))
    expect(sum.layers.map(nameOf)).toEqual(['mean', 'mul'])
    expect([...sum.tensors[sum.layers[1]!.inputs[1]!]!.data!]).toEqual([4])
  })

  it('says what it cannot express', () => {
    expect(() => networkOf(onRow('y = Erf(x)'))).toThrow(Unsupported)
    expect(() => networkOf(onRow('y = Erf(x)'))).toThrow('the function erf')
  })
})

describe('a .tflite file', () => {
  it('has the format’s mark, and weights at multiples of 16 bytes', async () => {
    const network = networkOf(classifier)
    const file = Buffer.from(await writeTflite(network))
    expect(file.subarray(4, 8).toString()).toBe('TFL3')
    const constants = network.layers
      .flatMap(({ inputs }) => inputs.map((i) => network.tensors[i]!.data))
      .filter((data) => data?.some((value) => value !== 0))
    expect(constants).toHaveLength(8) // w1, b1, wd, w2, w3, b3, w4, b4
    for (const data of constants) {
      const at = file.indexOf(Buffer.from(data!.buffer, data!.byteOffset, data!.byteLength))
      expect(at).toBeGreaterThan(0)
      expect(at % 16).toBe(0)
    }
  })
})

/** Two convolutions whose activations and weights are quantized, and a sigmoid that is not. */
const quantized = (zero: number, dtype: 'i8' | 'u8'): GraphText => {
  const filter = (name: string, ...shape: number[]) =>
    stored(
      name,
      tensorOf(
        dtype,
        shape,
        Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => (i * 5) % 100),
      ),
    )
  const scalar = (name: string, value: number) => stored(name, tensorOf('f32', [], [value]))
  const rounded = (x: string, y: string): string[] => [
    `${y}q = QuantizeLinear(${x}, s${y}, z)`,
    `${y} = DequantizeLinear(${y}q, s${y}, z)`,
  ]
  return {
    inputs: ['x f32[1,2,4,4]'],
    outputs: ['y f32[1,3,4,4]'],
    nodes: [
      ...rounded('x', 'a'),
      'w1 = DequantizeLinear(w1q, sw, zw)',
      'c1 = Conv(a, w1, b)',
      'r = Relu(c1)',
      ...rounded('r', 'd'),
      'w2 = DequantizeLinear(w2q, sw, zw)',
      'c2 = Conv(d, w2)',
      ...rounded('c2', 'e'),
      'y = Sigmoid(e)',
    ],
    initializers: [
      ...[filter('w1q', 3, 2, 1, 1), filter('w2q', 3, 3, 1, 1)],
      ...[scalar('sa', 0.02), scalar('sd', 0.25), scalar('se', 0.5), scalar('sw', 0.125)],
      stored('z', tensorOf('u8', [], [3])),
      stored('zw', tensorOf(dtype, [], [zero])),
      stored('b', tensorOf('f32', [3], [1, -2, 0.5])),
    ],
  }
}

describe('a quantized model', () => {
  const graphOf = (text: GraphText) => importModel(model(text)).graph

  it('is layers of integers, with i32 for biases in the unit of the sums, and floats at its ends', () => {
    const { layers, tensors } = lowerToIntegers(graphOf(quantized(0, 'i8')))
    const dtypeOf = (tensor: number): string => tensors[tensor]!.stored?.dtype ?? 'f32'
    expect(
      layers.map(({ op, activation, inputs, output }) => [op, activation, ...inputs.map(dtypeOf), dtypeOf(output)]),
    ).toEqual(
      expect.arrayContaining([
        ['quantize', 'none', 'f32', 'i8'],
        ['conv2d', 'relu', 'i8', 'i8', 'i32', 'i8'],
        ['conv2d', 'none', 'i8', 'i8', 'i32', 'i8'],
        ['sigmoid', 'none', 'f32', 'f32'],
      ]),
    )
    const [, kernel, bias] = layers.find(({ op }) => op === 'conv2d')!.inputs
    expect([...tensors[bias!]!.stored!.data!]).toEqual([400, -800, 200]) // of 0.02 × 0.125
    expect(tensors[kernel!]!.stored).toMatchObject({ zero: 0, axis: 0, scales: [0.125, 0.125, 0.125] })
    const grids = layers.flatMap(({ output }) => (dtypeOf(output) === 'i8' ? [tensors[output]!.stored!.zero] : []))
    // u8 with zero point 3, as i8.
    expect(new Set(grids)).toEqual(new Set([-125]))
  })

  it('is of u8 where weights have a zero point', () => {
    const { layers, tensors } = lowerToIntegers(graphOf(quantized(7, 'u8')))
    const convolutions = layers.filter(({ op }) => op === 'conv2d')
    expect(convolutions.map(({ inputs }) => tensors[inputs[1]!]!.stored)).toMatchObject([
      { dtype: 'u8', zero: 7, scales: [0.125], data: Uint8Array.from({ length: 6 }, (_, i) => i * 5) },
      { dtype: 'u8', zero: 7 },
    ])
    expect(convolutions.map(({ output }) => tensors[output]!.stored)).toMatchObject([
      { dtype: 'u8', zero: 3, scales: [0.25] },
      { dtype: 'u8', zero: 3, scales: [0.5] },
    ])
  })

  it('is integers from its input to its last products where attar wrote it, which moves integers between layers', async () => {
    const random = new Random(8)
    const calibration = Array.from({ length: 8 }, () => ({ x: randomTensor(random, 'f32', [1, 3, 12, 12]) }))
    const { graph } = await quantize(graphOf(residual), { mode: 'int8', calibration, executor: compiledExecutor })
    const written = importModel(await writeModel(graph)).graph
    expect(isQuantized(written)).toBe(true)
    const { layers, tensors } = lowerToIntegers(written)
    const dtypes = (tensor: number): string => tensors[tensor]!.stored?.dtype ?? 'f32'
    const shown = layers.map((layer) => [
      nameOf(layer),
      [...new Set(layer.inputs.map(dtypes))].join(),
      dtypes(layer.output),
    ])
    expect(shown).toEqual([
      ['quantize', 'f32', 'i8'],
      ['transpose', 'i8', 'i8'],
      ['conv2d+relu', 'i8,i32', 'i8'],
      ['pad', 'i8', 'i8'],
      ['maxPool', 'i8', 'i8'],
      ['depthwiseConv2d+relu6', 'i8,i32', 'i8'],
      ['conv2d', 'i8,i32', 'i8'],
      ['add+relu', 'i8', 'i8'],
      ['conv2d+relu', 'i8,i32', 'i8'],
      ['concat', 'i8', 'i8'],
      ['conv2d+relu', 'i8,i32', 'i8'],
      ['mean', 'i8', 'i8'],
      ['reshape', 'i8', 'i8'],
      ['dequantize', 'i8', 'f32'],
      ['dense', 'f32', 'f32'],
    ])
    const scales = layers.flatMap(({ op, inputs }) =>
      op.toLowerCase().includes('conv2d') ? [tensors[inputs[1]!]!.stored!.scales.length] : [],
    )
    expect(scales).toEqual([8, 8, 8, 8, 16])
    expect(lowerToNetwork(written).layers.map(({ op }) => op)).not.toContain('quantize')
  })

  it('is in floats the model without its rounding, with weights that are constants', () => {
    const graph = graphOf(quantized(7, 'u8'))
    expect(isQuantized(graph)).toBe(true)
    const { layers, tensors } = lowerToNetwork(graph)
    expect(layers.map(nameOf)).toEqual(['transpose', 'conv2d+relu', 'conv2d', 'sigmoid', 'transpose'])
    const [first] = layers.filter(({ op }) => op === 'conv2d')
    expect([...tensors[first!.inputs[1]!]!.data!]).toEqual([-7, -2, 3, 8, 13, 18].map((q) => q * 0.125))
    expect(isQuantized(graphOf(classifier))).toBe(false)
  })

  it('has no form in integers where no product computes on them', () => {
    const scales = stored('sw', tensorOf('f32', [3], [0.5, 0.25, 0.125]))
    const perChannel = quantized(7, 'u8')
    const nodes = perChannel.nodes.map((text) =>
      String(text).startsWith('w') ? node(String(text).replace(', zw', ', zws'), { attributes: { axis: 0 } }) : text,
    )
    const zeros = stored('zws', tensorOf('u8', [3], [7, 7, 7]))
    const initializers = [...perChannel.initializers!.filter(({ name }) => name !== 'sw'), scales, zeros]
    expect(() => lowerToIntegers(graphOf({ ...perChannel, nodes, initializers }))).toThrow(Unsupported)
  })
})
