import { describe, expect, it } from 'vitest'
import { Builder } from '../../compiler/core/builder.ts'
import { evaluate, evaluateValues } from '../../compiler/core/evaluate.ts'
import { allNodesOf, applyPatch, nodesOf, type Graph, type Value } from '../../compiler/core/graph.ts'
import { tensorOf, toNumbers, type Tensor } from '../../compiler/core/tensor.ts'
import { verify } from '../../compiler/core/verify.ts'
import { importModel } from '../../compiler/onnx/import.ts'
import { fixedInputs } from '../../compiler/onnx/ops/fixed-inputs.ts'
import { operators } from '../../compiler/onnx/ops/index.ts'
import { runPasses } from '../../compiler/passes/index.ts'
import { printGraph } from '../../compiler/core/print.ts'
import { Random } from '../support/random.ts'
import { expectClose, randomTensor } from '../support/run-graph.ts'
import { graph as graphOf, model, node, stored } from './build.ts'

const random = new Random(31)
const f32 = (...shape: number[]): Tensor => randomTensor(random, 'f32', shape)
const weights = (name: string, ...shape: number[]) => stored(name, f32(...shape))
const of = (shape: number[], values: number[]): Tensor => tensorOf('f32', shape, values)
const i64 = (...values: number[]): Tensor => tensorOf('i64', [values.length], values)
const b = new Builder(undefined)

const opset = (version: number) => ({ opsetImport: [{ domain: '', version }] })

/** The names of the trainable ones, and why others are not. */
function namesOf(bytes: Uint8Array) {
  const { graph, training } = importModel(bytes)
  verify(graph)
  return { trainable: [...training.trainable.keys()], fixed: Object.fromEntries(training.fixed) }
}

const kernel = f32(4, 2, 1, 1)
const parts = {
  nodes: [
    node('k = Constant()', { attributes: { value: { tensor: stored('', kernel) } } }),
    'c = Conv(x, k, bias)',
    node('n = BatchNormalization(c, scale, shift, mean, variance)', {
      name: 'norm',
      attributes: { epsilon: { float: 0.25 }, momentum: { float: 0.75 } },
    }),
    'r = Clip(n, low, high)',
    node('d = Dropout(r, ratio)', { name: 'drop' }),
    's = Pow(d, two)',
    'h = Mul(s, half)',
    'f = Reshape(h, flat)',
    'm = Identity(w)',
    'g = MatMul(f, m)',
    'y = Add(g, one)',
  ],
  initializers: [
    ...[weights('bias', 4), weights('scale', 4), weights('shift', 4), weights('mean', 4)],
    stored('variance', of([4], [1, 2, 3, 4])),
    ...[stored('low', of([], [0])), stored('high', of([1], [6])), stored('ratio', of([], [0.25]))],
    ...[stored('two', of([1], [2])), stored('half', of([], [0.5])), stored('flat', i64(1, 16))],
    ...[weights('w', 16, 1), stored('one', of([1], [1]))],
  ],
}
const network = (without: readonly string[] = []): Uint8Array =>
  model({
    inputs: ['x f32[1,2,2,2]'],
    outputs: ['y'],
    ...parts,
    nodes: parts.nodes.filter((n) => !without.includes(typeof n === 'string' ? n : n.opType!)),
  })

describe('weights of an imported model', () => {
  it('are told from what says how operators work', () => {
    expect(namesOf(network())).toEqual({
      trainable: ['k', 'bias', 'scale', 'shift', 'w', 'one'],
      fixed: {
        ...{ mean: 'statistic', variance: 'statistic', low: 'setting', high: 'setting', ratio: 'setting' },
        ...{ two: 'setting', half: 'scalar' },
      },
    })
  })

  it('are constants of the graph, with the tensors that the model stores', () => {
    const { graph, training } = importModel(network())
    const k = training.trainable.get('k')!
    expect(k.node.op === 'constant' && k.node.attrs.value).toEqual(kernel)
    for (const value of training.trainable.values()) expect(nodesOf(graph)).toContain(value.node)
  })

  it('what only other constants are made of is known by its use', () => {
    const made = model({
      inputs: ['x f32[1,4]'],
      outputs: ['y', 'z'],
      nodes: [
        'low2 = Mul(low, halves)',
        node('low1 = Reshape(low2, none)'),
        'y = Clip(x, low1)',
        'shape = Shape(model_of)',
        'z = Expand(x, shape)',
      ],
      initializers: [
        ...[stored('low', of([1], [1])), stored('halves', of([1], [0.5]))],
        ...[stored('none', tensorOf('i64', [0], [])), weights('model_of', 3, 4)],
      ],
    })
    expect(namesOf(made)).toEqual({
      trainable: [],
      fixed: { low: 'setting', halves: 'setting', model_of: 'unused' },
    })
    // What limits an activation says nothing of the weights that it depends on.
    const limited = model({
      inputs: ['x f32[1,4]'],
      outputs: ['y'],
      nodes: ['a = MatMul(x, w)', 'm = MatMul(x, v)', 'y = Max(a, m)'],
      initializers: [weights('w', 4, 2), weights('v', 4, 2)],
    })
    expect(namesOf(limited).trainable).toEqual(['w', 'v'])
  })

  it('are not those behind quantization', () => {
    const q = (name: string, ...shape: number[]) => stored(name, randomTensor(random, 'i8', shape))
    const quantized = model({
      inputs: ['x f32[1,4]'],
      outputs: ['y'],
      nodes: [
        'w = DequantizeLinear(wq, ws, wz)',
        'a = MatMul(x, w)',
        'aq = QuantizeLinear(a, as, az)',
        'ad = DequantizeLinear(aq, as, az)',
        'vq = QuantizeLinear(v, vs, vz)',
        'vd = DequantizeLinear(vq, vs, vz)',
        'c = MatMul(ad, vd)',
        'y = Add(c, bias)',
      ],
      initializers: [
        ...[q('wq', 4, 3), stored('ws', of([], [0.5])), q('wz')],
        ...[stored('as', of([], [0.25])), q('az'), weights('v', 3, 2), stored('vs', of([], [0.125])), q('vz')],
        weights('bias', 2),
      ],
    })
    const { trainable, fixed } = namesOf(quantized)
    expect(trainable).toEqual(['bias'])
    expect(fixed).toEqual(
      Object.fromEntries(['wq', 'ws', 'wz', 'as', 'az', 'v', 'vs', 'vz'].map((name) => [name, 'quantized'])),
    )
  })

  it('are one constant each, in unrolled loops and functions too', () => {
    const body = graphOf({
      inputs: ['i i64[]', 'go bool[]', 's f32[1,2]'],
      outputs: ['more', 't'],
      nodes: [
        'more = Identity(go)',
        node('c = Constant()', { attributes: { value: { tensor: stored('', f32(2)) } } }),
        'm = MatMul(s, inner)',
        't = Add(m, c)',
      ],
      initializers: [weights('inner', 2, 2)],
    })
    const looped = model({
      inputs: ['x f32[1,2]'],
      outputs: ['y'],
      nodes: [node('y = Loop(trips, , x)', { name: 'loop', attributes: { body: { graph: body } } })],
      initializers: [stored('trips', tensorOf('i64', [], [3]))],
    })
    const { graph, training } = importModel(looped)
    expect(nodesOf(graph).filter((n) => n.op === 'dot_general')).toHaveLength(3)
    expect([...training.trainable.keys()]).toEqual(['loop/inner', 'loop/c'])
    const floats = nodesOf(graph).filter((n) => n.op === 'constant' && n.attrs.value.dtype === 'f32')
    expect(new Set(floats)).toEqual(new Set([...training.trainable.values()].map((value) => value.node)))

    const call = (name: string) => node(`${name} = Scaled(${name === 'y' ? 'p' : 'x'})`, { name, domain: 'own' })
    const functions = model(
      { inputs: ['x f32[2]'], outputs: ['y'], nodes: [call('p'), call('y')] },
      {
        opsetImport: [...opset(17).opsetImport, { domain: 'own', version: 1 }],
        functions: [
          {
            ...{ name: 'Scaled', domain: 'own', input: ['a'], output: ['b'], ...opset(17) },
            node: [
              node('k = Constant()', { attributes: { value: { tensor: stored('', of([2], [2, 3])) } } }),
              node('b = Mul(a, k)'),
            ],
          },
        ],
      },
    )
    expect(namesOf(functions).trainable).toEqual(['p/k'])
  })

  it('of two branches keep apart what they name alike', () => {
    const branch = (output: string) =>
      graphOf({ outputs: [output], nodes: [`${output} = MatMul(x, w)`], initializers: [weights('w', 2, 2)] })
    const attributes = { then_branch: { graph: branch('t') }, else_branch: { graph: branch('e') } }
    const either = model({
      inputs: ['c bool[]', 'x f32[1,2]'],
      outputs: ['y'],
      nodes: [node('y = If(c)', { name: 'if', attributes })],
    })
    expect(namesOf(either).trainable).toEqual(['if/w', 'if/w#2'])
  })

  it('of a loop that runs are found inside it, its initial states are settings', () => {
    const recurrent = model({
      inputs: ['x f32[6,1,3]'],
      outputs: ['y'],
      nodes: [node('y, h, c = LSTM(x, w, r, bias, , h0, c0)', { attributes: { hidden_size: 2 } })],
      initializers: [
        ...[weights('w', 1, 8, 3), weights('r', 1, 8, 2), weights('bias', 1, 16), weights('h0', 1, 1, 2)],
        weights('c0', 1, 1, 2),
      ],
    })
    const { graph, training } = importModel(recurrent)
    expect([...training.trainable.keys()]).toEqual(['w', 'r', 'bias'])
    expect(Object.fromEntries(training.fixed)).toEqual({ h0: 'setting', c0: 'setting' })
    const r = training.trainable.get('r')!.node
    expect(allNodesOf(graph)).toContain(r)
    expect(nodesOf(graph)).not.toContain(r)
  })

  it('the operators whose inputs are fixed are ones that attar has', () => {
    expect(Object.keys(fixedInputs).filter((name) => !(name in operators))).toEqual([])
  })
})

describe('places that training changes', () => {
  const x = f32(1, 2, 2, 2)
  const valueOf = (v: Value, { inputs }: Graph): Tensor => evaluateValues([v], new Map([[inputs[0]!.value, x]]))[0]!

  it('a batch normalization: what it reads, what it gives, and whose statistics it uses', () => {
    const { graph, training } = importModel(network())
    const [place, ...others] = training.normalizations
    expect(others).toEqual([])
    const { name, meanName, varianceName, epsilon, momentum } = place!
    expect({ name, meanName, varianceName, epsilon, momentum }).toEqual({
      ...{ name: 'norm', meanName: 'mean', varianceName: 'variance', epsilon: 0.25, momentum: 0.75 },
    })
    expect(place!.scale).toBe(training.trainable.get('scale'))
    expect(place!.bias).toBe(training.trainable.get('shift'))
    expect(toNumbers(evaluateValues([place!.variance], new Map())[0]!)).toEqual([1, 2, 3, 4])

    // y = scale · (x - mean) / √(variance + epsilon) + bias, and y is what the rest of the graph reads.
    const column = (v: Value): Value => b.reshape(v, [4, 1, 1])
    const formula = b.binary(
      'add',
      b.binary(
        'div',
        b.binary('mul', b.binary('sub', place!.x, column(place!.mean)), column(place!.scale)),
        b.unary('sqrt', b.binary('add', column(place!.variance), b.scalar(0.25, 'f32'))),
      ),
      column(place!.bias),
    )
    expectClose(valueOf(place!.y, graph), valueOf(formula, graph), 1e-5)
    const zero = b.full(0, 'f32', place!.y.type.shape)
    const changed = applyPatch(graph, new Map([[place!.y, zero]]))
    expect(toNumbers(evaluate(changed, { x })['y']!)).toEqual([1])
  })

  it('a batch normalization of computed statistics, or of an element each, is none', () => {
    const computed = (nodes: readonly string[], version: number, attributes = {}) =>
      model(
        {
          inputs: ['x f32[2,3,1]', 'v f32[3]'],
          outputs: ['y'],
          nodes: [...nodes, node('y = BatchNormalization(x, s, s, s, v1)', { attributes })],
          initializers: [weights('s', 3)],
        },
        opset(version),
      )
    expect(importModel(computed(['v1 = Abs(v)'], 17)).training.normalizations).toEqual([])
    const elements = model(
      {
        inputs: ['x f32[2,3]'],
        outputs: ['y'],
        nodes: [node('y = BatchNormalization(x, s, s, s, s)', { attributes: { spatial: 0 } })],
        initializers: [weights('s', 3)],
      },
      opset(7),
    )
    expect(importModel(elements).training.normalizations).toEqual([])
  })

  it('a dropout: a value of its own, which is gone once the model is compiled', () => {
    const { graph, training } = importModel(network())
    const [place] = training.dropouts
    expect(training.dropouts).toHaveLength(1)
    expect([place!.name, place!.ratio]).toEqual(['drop', 0.25])
    expect(place!.y).not.toBe(place!.x)
    expect(valueOf(place!.y, graph)).toEqual(valueOf(place!.x, graph))
    const zero = b.full(0, 'f32', place!.y.type.shape)
    expect(toNumbers(evaluate(applyPatch(graph, new Map([[place!.y, zero]])), { x })['y']!)).toEqual([1])
    // Others that read what the dropout reads are not changed with it.
    const both = importModel(
      model({ inputs: ['x f32[2]'], outputs: ['y'], nodes: ['d = Dropout(x)', 'y = Sub(x, d)'] }),
    )
    const [own] = both.training.dropouts
    const dropped = applyPatch(both.graph, new Map([[own!.y, b.full(0, 'f32', [2])]]))
    expect(toNumbers(evaluate(dropped, { x: of([2], [3, 4]) })['y']!)).toEqual([3, 4])

    const renamed = model({
      inputs: ['x f32[1,2,2,2]'],
      outputs: ['y'],
      ...parts,
      nodes: parts.nodes.map((n) => (typeof n !== 'string' && n.opType === 'Dropout' ? node('d = Identity(r)') : n)),
    })
    expect(printGraph(runPasses(graph))).toBe(printGraph(runPasses(importModel(renamed).graph)))
  })

  it.each([
    [7, {}, [], 0.5],
    [7, { ratio: { float: 0.125 } }, [], 0.125],
    [13, {}, [], 0.5],
    [13, {}, [stored('ratio', of([], [0.75]))], 0.75],
  ] as const)('a dropout of opset %i %o', (version, attributes, initializers, ratio) => {
    const text = initializers.length > 0 ? 'y = Dropout(x, ratio)' : 'y = Dropout(x)'
    const nodes = [node(text, { attributes })]
    const { training } = importModel(
      model({ inputs: ['x f32[2]'], outputs: ['y'], nodes, initializers }, opset(version)),
    )
    expect(training.dropouts.map((place) => place.ratio)).toEqual([ratio])
  })
})
