import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Report } from '../../compiler/core/artefact/artefact.ts'
import { evaluate } from '../../compiler/core/evaluate.ts'
import type { Graph } from '../../compiler/core/graph.ts'
import type { Tensor } from '../../compiler/core/tensor.ts'
import { readFile } from '../../compiler/data/index.ts'
import { importModel } from '../../compiler/onnx/import.ts'
import { compileGraph } from '../../compiler/pipeline.ts'
import { batch } from '../../compiler/transform/batch.ts'
import { findCases } from '../../compiler/verify/index.ts'
import { model, node, stored } from '../onnx/build.ts'
import { Random } from '../support/random.ts'
import { expectClose, randomTensor, runModule } from '../support/run-graph.ts'
import { drawSamples, stack, stacked, type Tensors } from './samples.ts'

const size = 8
const random = new Random(23)
const weights = (name: string, ...shape: number[]) => stored(name, randomTensor(random, 'f32', shape))
const ints = (name: string, ...values: number[]) =>
  stored(name, { dtype: 'i64', shape: [values.length], data: BigInt64Array.from(values, BigInt) })

const pads = { kernel_shape: [3, 3], pads: [1, 1, 1, 1] }

/** Convolutions, batch normalization, pooling and a residual sum; the shapes of `Reshape` are those of one picture if `fixed`. */
const convolutional = (fixed: boolean): Uint8Array =>
  model({
    inputs: ['x f32[N,8,8,3]'],
    outputs: ['y'],
    nodes: [
      node('x1 = Transpose(x)', { attributes: { perm: [0, 3, 1, 2] } }),
      node('c1 = Conv(x1, w1, b1)', { attributes: pads }),
      'n1 = BatchNormalization(c1, s, o, m, v)',
      'r1 = Relu(n1)',
      node('c2 = Conv(r1, w2)', { attributes: { ...pads, group: 8 } }),
      'a = Add(c2, r1)',
      node('p = MaxPool(a)', { attributes: { kernel_shape: [2, 2], strides: [2, 2] } }),
      node('t = Transpose(p)', { attributes: { perm: [0, 2, 3, 1] } }),
      'f = Reshape(t, shape)',
      node('g = Gemm(f, w3, b3)', { attributes: { transB: 1 } }),
      'y = Softmax(g)',
    ],
    initializers: [
      ...[weights('w1', 8, 3, 3, 3), weights('b1', 8), weights('w2', 8, 1, 3, 3)],
      ...[weights('s', 8), weights('o', 8), weights('m', 8)],
      stored('v', { dtype: 'f32', shape: [8], data: Float32Array.from({ length: 8 }, (_, i) => 0.5 + i) }),
      ...[weights('w3', 10, 128), weights('b3', 10), ints('shape', fixed ? 1 : -1, 128)],
    ],
  })

/** An embedding and a layer of attention. */
const attention = (fixed: boolean): Uint8Array =>
  model({
    inputs: ['ids i64[N,6]'],
    outputs: ['y'],
    nodes: [
      'e = Gather(table, ids)',
      'x = Add(e, places)',
      ...['q', 'k', 'v'].flatMap((name) => [
        `${name}1 = MatMul(x, w${name})`,
        `${name}2 = Add(${name}1, b${name})`,
        `${name}3 = Reshape(${name}2, heads)`,
        node(`${name} = Transpose(${name}3)`, { attributes: { perm: name === 'k' ? [0, 2, 3, 1] : [0, 2, 1, 3] } }),
      ]),
      's = MatMul(q, k)',
      node('p = Softmax(s)', { attributes: { axis: -1 } }),
      'o1 = MatMul(p, v)',
      node('o2 = Transpose(o1)', { attributes: { perm: [0, 2, 1, 3] } }),
      'o3 = Reshape(o2, whole)',
      'o = Add(o3, x)',
      'n = LayerNormalization(o, g, b)',
      node('first = Gather(n, zero)', { attributes: { axis: 1 } }),
      node('f = Flatten(first)', { attributes: { axis: 1 } }),
      'y = MatMul(f, wc)',
    ],
    initializers: [
      ...[weights('table', 20, 8), weights('places', 6, 8), weights('g', 8), weights('b', 8), weights('wc', 8, 3)],
      ...['q', 'k', 'v'].flatMap((name) => [weights(`w${name}`, 8, 8), weights(`b${name}`, 8)]),
      ...[ints('heads', fixed ? 1 : -1, 6, 2, 4), ints('whole', fixed ? 1 : -1, 6, 8), ints('zero', 0)],
    ],
  })

/** A loop over steps, whose weights are projected before it. */
const recurrent: Uint8Array = model({
  inputs: ['x f32[7,1,4]'],
  outputs: ['y', 'h'],
  nodes: [node('y, h = GRU(x, w, r, b)', { attributes: { hidden_size: 5, direction: 'bidirectional' } })],
  initializers: [weights('w', 2, 15, 4), weights('r', 2, 15, 5), weights('b', 2, 30)],
})

const samplesOf = (graph: Graph): Tensors[] =>
  drawSamples(graph, size, new Set(graph.inputs.map((port) => port.name)), ({ dtype, shape }) =>
    randomTensor(random, dtype, shape),
  )

const every = (samples: readonly Tensors[]): Tensors => stacked(samples, new Set(Object.keys(samples[0]!)))

/** Expects that the batched graph, compiled, gives what the graph gives for each sample by `run`. */
async function expectAlike(graph: Graph, run: (inputs: Tensors) => Tensors, tolerance: number) {
  const samples = samplesOf(graph)
  const { modules, spec, report } = await compileGraph(batch(graph, size).graph, { targets: ['simd'] })
  const actual = runModule(modules.simd!, spec, every(samples))
  const expected = samples.map(run)
  for (const { name } of graph.outputs) {
    const each = stack(expected.map((outputs): Tensor => outputs[name]!))
    expectClose(actual[name]!, each, tolerance)
  }
  return report
}

describe('a model for one sample, batched', () => {
  it.each([
    ['convolutional', convolutional],
    ['attention', attention],
  ] as const)('%s: compiles to what the model compiles to that was exported for batches', async (_, build) => {
    const { graph } = importModel(build(true), { dims: { N: 1 } })
    const report = await expectAlike(graph, (inputs) => evaluate(graph, inputs), 1e-4)
    const native = await compileGraph(importModel(build(false), { dims: { N: size } }).graph, { targets: ['simd'] })
    const facts = ({ kernels, macs, arena, weights: bytes }: Report) => ({ kernels, macs, arena, bytes })
    expect(facts(report)).toEqual(facts(native.report))
  })

  it('recurrent: has one loop for all samples', async () => {
    const { graph } = importModel(recurrent)
    const one = await compileGraph(graph, { targets: ['simd'] })
    const report = await expectAlike(graph, (inputs) => evaluate(graph, inputs), 1e-4)
    const loops = ({ kernels }: Report) => kernels.filter(({ kernel }) => kernel === 'loop').length
    expect(loops(report)).toBe(loops(one.report))
    expect(report.macs).toBe(size * one.report.macs)
  })
})

/** A folder of models with data, as `attar verify --cases` takes it; not part of the repository. */
const root = process.env.ATTAR_CASES
/** Those for one sample, or for as many as one likes, by the name of that dimension. */
const models: Readonly<Record<string, string | undefined>> = {
  ...{ 'mlperf-ic-float': undefined, 'mlperf-ic-float-bn': undefined, 'mlperf-kws-float-bn': undefined },
  ...{ 'mlperf-vww-float': undefined, 'mlperf-vww-float-bn': undefined, 'mlperf-ad-float': undefined },
  ...{
    'bert-tiny-sms-static': undefined,
    'mnist-cnn-bn': undefined,
    'mnist-mlp-bn': undefined,
    'mnist-cntk': undefined,
  },
  ...{ 'cifar-resnet20': 'N', 'cifar-resnet20-bn': undefined, 'fashion-cnn': 'N', 'sine-mlp': 'N' },
  ...{ 'mlperf-ic-int8-qdq': undefined, 'mlperf-kws-int8-qop': undefined, 'mnist-int8-dynamic': undefined },
}

describe.skipIf(root === undefined)('real models', () => {
  const cases = root === undefined ? [] : findCases(root).filter(({ name }) => name in models)
  it.each(cases)('$name', async ({ name, folder }) => {
    const dim = models[name]
    const { graph } = importModel(readFile(join(folder, 'model.onnx')), dim === undefined ? {} : { dims: { [dim]: 1 } })
    const { modules, spec, report: one } = await compileGraph(graph, { targets: ['simd'] })
    const exact = name.includes('int8')
    const report = await expectAlike(graph, (inputs) => runModule(modules.simd!, spec, inputs), exact ? 0 : 1e-4)
    // Borders are filled image by image.
    const work = ({ kernels }: Report) => kernels.filter(({ kernel }) => kernel !== 'fill_border').length
    expect(work(report)).toBeLessThanOrEqual(work(one))
    expect(report.macs / one.macs).toBeLessThan(size * 1.001)
  })
})
