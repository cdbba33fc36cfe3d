import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { Builder } from '../../compiler/core/builder.ts'
import { evaluate } from '../../compiler/core/evaluate.ts'
import { nodesOf, type Graph, type Value } from '../../compiler/core/graph.ts'
import { tensorOf, toNumbers, type Tensor } from '../../compiler/core/tensor.ts'
import { verify } from '../../compiler/core/verify.ts'
import { readFile } from '../../compiler/data/index.ts'
import { importModel } from '../../compiler/onnx/import.ts'
import { compileGraph } from '../../compiler/pipeline.ts'
import { batch } from '../../compiler/transform/batch.ts'
import { withParameters } from '../../compiler/transform/parameters.ts'
import { findCases } from '../../compiler/verify/index.ts'
import { graph as graphOf, model, node, stored } from '../onnx/build.ts'
import { Random } from '../support/random.ts'
import { expectClose, inputOf, randomTensor, runModule } from '../support/run-graph.ts'
import { stack, type Tensors } from './samples.ts'

const random = new Random(41)
const f32 = (...shape: number[]): Tensor => randomTensor(random, 'f32', shape)
const weights = (name: string, ...shape: number[]) => stored(name, f32(...shape))
const b = new Builder(undefined)

const constantsIn = (parameters: ReadonlyMap<string, Value>): Tensors =>
  Object.fromEntries(
    [...parameters].map(([name, { node: source }]) => [
      name,
      (source.op === 'constant' && source.attrs.value) as Tensor,
    ]),
  )

const drawInputs = (graph: Graph): Tensors =>
  Object.fromEntries(
    graph.inputs.map(({ name, value }) => [name, randomTensor(random, value.type.dtype, value.type.shape)]),
  )

/** Expects what the model gives, and something else where any parameter is another. */
function expectParameters(bytes: Uint8Array, names: readonly string[]): void {
  const { graph, training } = importModel(bytes)
  const { trainable } = training
  expect([...trainable.keys()]).toEqual(names)
  const made = withParameters(graph, trainable)
  verify(made)
  expect(made.inputs.map((port) => port.name)).toEqual([...graph.inputs.map((port) => port.name), ...names])
  const inputs = { ...drawInputs(graph), ...constantsIn(trainable) }
  const expected = evaluate(graph, inputs)
  expect(evaluate(made, inputs)).toEqual(expected)
  for (const name of names) {
    const { dtype, shape } = inputs[name]!
    const other = { ...inputs, [name]: randomTensor(random, dtype, shape) }
    expect(evaluate(made, other), name).not.toEqual(expected)
  }
}

const loop = (body: ReturnType<typeof graphOf>, initializers = [stored('trips', tensorOf('i64', [], [40]))]) =>
  model({
    inputs: ['x f32[1,2]', 'c bool[]'],
    outputs: ['y'],
    nodes: [node('y = Loop(trips, , x)', { name: 'loop', attributes: { body: { graph: body } } })],
    initializers,
  })

describe('constants as inputs', () => {
  it('of a recurrent layer, within its loop', () => {
    const recurrent = model({
      inputs: ['x f32[6,1,3]'],
      outputs: ['y'],
      nodes: [node('y = GRU(x, w, r, bias)', { attributes: { hidden_size: 2, linear_before_reset: 1 } })],
      initializers: [weights('w', 1, 6, 3), weights('r', 1, 6, 2), weights('bias', 1, 12)],
    })
    expectParameters(recurrent, ['w', 'r', 'bias'])
  })

  it('of loops within loops and branches within them, shared with what is outside', () => {
    const branch = (operator: string, output: string) =>
      graphOf({
        outputs: [output],
        nodes: [`a_${output} = MatMul(t, inner)`, `${output} = ${operator}(a_${output}, shared)`],
      })
    const branches = { then_branch: { graph: branch('Add', 'p') }, else_branch: { graph: branch('Sub', 'q') } }
    const body = graphOf({
      inputs: ['i i64[]', 'go bool[]', 's f32[1,2]'],
      outputs: ['more', 'next'],
      nodes: [
        'more = Identity(go)',
        't = Tanh(s)',
        node('u = If(c)', { name: 'if', attributes: branches }),
        'next = Mul(u, shared)',
      ],
      initializers: [weights('inner', 2, 2)],
    })
    expectParameters(loop(body, [stored('trips', tensorOf('i64', [], [40])), weights('shared', 2)]), [
      'loop/inner',
      'shared',
    ])
  })

  it('under names of their own', () => {
    const x = inputOf('x', 'f32', [2])
    const w = b.constant(tensorOf('f32', [2], [3, 4]))
    const graph = { inputs: [{ name: 'x', value: x }], outputs: [{ name: 'y', value: b.binary('mul', x, w) }] }
    expect(() => withParameters(graph, new Map([['x', w]]))).toThrow(/A501/)
    expect(() => withParameters(graph, new Map([['w', x]]))).toThrow(TypeError)
    const made = withParameters(graph, new Map([['w', w]]))
    const inputs = { x: tensorOf('f32', [2], [5, 6]), w: tensorOf('f32', [2], [1, 10]) }
    expect(toNumbers(evaluate(made, inputs)['y']!)).toEqual([5, 60])
  })
})

it('a model for one picture is ready for training: a batch, its statistics, parameters', () => {
  const network = model({
    inputs: ['x f32[1,2,3,3]'],
    outputs: ['y'],
    nodes: [
      'c = Conv(x, w)',
      node('n = BatchNormalization(c, s, o, m, v)', { attributes: { epsilon: { float: 0.5 } } }),
      'r = Relu(n)',
      'f = Reshape(r, flat)',
      'y = MatMul(f, k)',
    ],
    initializers: [
      ...[weights('w', 3, 2, 1, 1), weights('s', 3), weights('o', 3), weights('m', 3), weights('k', 27, 2)],
      stored('v', tensorOf('f32', [3], [1, 2, 3])),
      stored('flat', tensorOf('i64', [2], [1, 27])),
    ],
  })
  const { graph, training } = importModel(network)
  const [place] = training.normalizations
  const batched = batch(graph, 4)
  const { value: x } = batched.value(place!.x)
  // [samples, 1, channels, height, width]: all axes but that of the channels.
  const axes = [0, 1, 3, 4]
  const mean = b.mean(x, axes, true)
  const centered = b.binary('sub', x, mean)
  const variance = b.mean(b.binary('mul', centered, centered), axes, true)
  const column = (v: Value): Value => b.reshape(v, [3, 1, 1])
  const normal = b.binary('div', centered, b.unary('sqrt', b.binary('add', variance, b.scalar(0.5, 'f32'))))
  const scaled = b.binary('add', b.binary('mul', normal, column(place!.scale)), column(place!.bias))
  const made = withParameters(batched.replacing(new Map([[place!.y, scaled]])), training.trainable)
  verify(made)
  expect(made.inputs.map((port) => port.name)).toEqual(['x', 'w', 's', 'o', 'k'])

  // The same by a model of such a batch in training mode.
  const native = model(
    {
      inputs: ['x f32[4,2,3,3]'],
      outputs: ['y'],
      nodes: [
        'c = Conv(x, w)',
        node('n, m1, v1 = BatchNormalization(c, s, o, m, v)', {
          attributes: { epsilon: { float: 0.5 }, training_mode: 1 },
        }),
        'r = Relu(n)',
        'f = Reshape(r, flat)',
        'y = MatMul(f, k)',
      ],
      initializers: [
        ...Object.entries(constantsIn(training.trainable)).map(([name, t]) => stored(name, t)),
        ...[weights('m', 3), weights('v', 3), stored('flat', tensorOf('i64', [2], [4, 27]))],
      ],
    },
    { opsetImport: [{ domain: '', version: 15 }] },
  )
  const samples = [f32(2, 3, 3), f32(2, 3, 3), f32(2, 3, 3), f32(2, 3, 3)]
  const whole = stack(samples)
  const expected = evaluate(importModel(native).graph, { x: whole })['y']!
  const pictures = { ...whole, shape: [4, 1, 2, 3, 3] }
  const actual = evaluate(made, { x: pictures, ...constantsIn(training.trainable) })['y']!
  expect(actual.shape).toEqual([4, 1, 2])
  expectClose({ ...actual, shape: [4, 2] }, expected, 1e-4)
})

/** A folder of models with data, as `attar verify --cases` takes it; not part of the repository. */
const root = process.env.ATTAR_CASES
const models = ['mlperf-kws-float-bn', 'bert-tiny-sms-static', 'mnist-cnn-bn', 'mnist-mlp-bn', 'blazeface-front-128']

describe.skipIf(root === undefined)('real models with parameters as inputs', () => {
  const cases = root === undefined ? [] : findCases(root).filter(({ name }) => models.includes(name))
  it.each(cases)('$name', async ({ folder }) => {
    const { graph, training } = importModel(readFile(join(folder, 'model.onnx')))
    const made = withParameters(graph, training.trainable)
    verify(made)
    // Nothing but what is fixed is left of the stored floats.
    const left = nodesOf(made).filter(
      (n) => n.op === 'constant' && n.attrs.value.dtype === 'f32' && n.attrs.value.data.length > 1,
    )
    const statistics = training.normalizations.flatMap((place) => [place.mean.node, place.variance.node])
    expect(left.filter((n) => !statistics.includes(n))).toEqual([])
    const inputs = drawInputs(graph)
    const [constant, trained] = await Promise.all([graph, made].map((g) => compileGraph(g, { targets: ['simd'] })))
    const expected = runModule(constant!.modules.simd!, constant!.spec, inputs)
    const actual = runModule(trained!.modules.simd!, trained!.spec, { ...inputs, ...constantsIn(training.trainable) })
    for (const [name, value] of Object.entries(expected)) expectClose(actual[name]!, value, 1e-3)
  })
})
