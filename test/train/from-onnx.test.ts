import { describe, expect, it } from 'vitest'
import { CompileError } from '../../compiler/core/diagnostics/diagnostic.ts'
import { evaluate } from '../../compiler/core/evaluate.ts'
import { tensorOf, toNumbers } from '../../compiler/core/tensor.ts'
import { compiledExecutor } from '../../compiler/execute.ts'
import { importModel } from '../../compiler/onnx/import.ts'
import { writeBatchedModel } from '../../compiler/onnx/write/index.ts'
import {
  adamw,
  fit,
  inferenceOf,
  samplesOf,
  trainableModel,
  trainedGraph,
  type FitOptions,
  type Sample,
} from '../../compiler/train/index.ts'
import { model, node, stored } from '../onnx/build.ts'
import { Random } from '../support/random.ts'
import { randomTensor } from '../support/run-graph.ts'

const random = new Random(3)
const weights = (name: string, shape: number[]) => stored(name, randomTensor(random, 'f32', shape))
const fours = (name: string, value: number) => stored(name, tensorOf('f32', [4], new Array<number>(4).fill(value)))

/** Batch 1 is baked into the Reshape. */
const network = model({
  inputs: ['x f32[1,2,6,6]'],
  outputs: ['p f32[1,3]'],
  nodes: [
    node('a = Conv(x, w)', { attributes: { pads: [1, 1, 1, 1] } }),
    'b = BatchNormalization(a, scale, shift, mean, variance)',
    'c = Relu(b)',
    node('d = MaxPool(c)', { attributes: { kernel_shape: [2, 2], strides: [2, 2] } }),
    'e = Reshape(d, shape)',
    node('s = Gemm(e, v, bias)', { attributes: { transB: 1 } }),
    'p = Softmax(s)',
  ],
  initializers: [
    weights('w', [4, 2, 3, 3]),
    ...[fours('scale', 1), fours('shift', 0), fours('mean', 0), fours('variance', 1)],
    stored('shape', tensorOf('i64', [2], [1n, 36n])),
    ...[weights('v', [3, 36]), weights('bias', [3])],
  ],
})

/** Pictures of which one of three rows is bright. */
function rows(count: number): Sample[] {
  return Array.from({ length: count }, (_, i) => {
    const x = Float32Array.from(
      { length: 72 },
      (_v, k) => random.float() - 0.5 + (Math.floor(k / 12) % 3 === i % 3 ? 1 : 0),
    )
    return { inputs: { x }, target: [i % 3] }
  })
}

const options: FitOptions = {
  ...{ epochs: 6, batch: 8, loss: 'cross-entropy', learningRate: 0.01, schedule: 'one-cycle', seed: 1 },
  optimizer: adamw(),
}

describe('a model from ONNX', () => {
  it('has its weights for parameters, scores before the softmax, and its batch normalization', () => {
    const { model: found } = trainableModel(network, { seed: 1 })
    expect(found.parameters.map(({ name, decays }) => [name, decays])).toEqual([
      ['w', true],
      ['scale', false],
      ['shift', false],
      ['v', true],
      ['bias', false],
    ])
    expect(found.normalizations.map(({ mean, variance }) => [mean.name, variance.name])).toEqual([['mean', 'variance']])
    expect(found.activation).toBe('softmax')
    expect(found.scores.type.shape).toEqual([1, 3])
  })

  it('has weight decay for what products multiply, whatever its shape', () => {
    const bytes = model({
      inputs: ['x f32[1,2,6,6]', 'i i64[1,3]'],
      outputs: ['p'],
      nodes: [
        'c = Conv(x, filters)',
        'b = Add(c, channels)',
        'r = Reshape(b, steps)',
        node('y, h = GRU(r, input, recurrent, gates)', { attributes: { hidden_size: 2 } }),
        'row = Reshape(h, flat)',
        'table_rows = Gather(table, i)',
        'k = ReduceMean(table_rows)',
        'e = MatMul(row, scores)',
        'p = Add(e, k)',
      ],
      initializers: [
        ...[weights('filters', [4, 2, 3, 3]), weights('channels', [4, 1, 1]), weights('table', [5, 4])],
        ...[weights('input', [1, 6, 16]), weights('recurrent', [1, 6, 2]), weights('gates', [1, 12])],
        ...[weights('scores', [2, 1]), stored('steps', tensorOf('i64', [3], [4n, 1n, 16n]))],
        stored('flat', tensorOf('i64', [2], [1n, 2n])),
      ],
    })
    const { parameters } = trainableModel(bytes, { seed: 1 }).model
    const names = (decays: boolean) => parameters.filter((p) => p.decays === decays).map(({ name }) => name)
    expect(names(true).sort()).toEqual(['filters', 'input', 'recurrent', 'scores'])
    expect(names(false).sort()).toEqual(['channels', 'gates', 'table'])
  })

  it('learns, and is written with what it learned', async () => {
    const { model: found } = trainableModel(network, { seed: 1 })
    const data = { train: samplesOf(rows(90)), validation: samplesOf(rows(30)) }
    const { best } = await fit(found, data, options, compiledExecutor)
    expect(best.validation.accuracy).toBeGreaterThan(0.85)
    const { graph, names } = trainedGraph(found, best.values)
    const bytes = writeBatchedModel((size) => inferenceOf(graph, size), { names })
    const again = importModel(bytes, { dims: { batch: 2 } })
    const pair = rows(2).map(({ inputs }) => inputs['x'] as Float32Array)
    const x = tensorOf('f32', [2, 2, 6, 6], [...pair[0]!, ...pair[1]!])
    const together = toNumbers(evaluate(again.graph, { x })['p']!)
    pair.forEach((one, i) => {
      const alone = toNumbers(evaluate(graph, { x: tensorOf('f32', [1, 2, 6, 6], one) })['p']!)
      alone.forEach((value, k) => expect(together[3 * i + k]).toBeCloseTo(value, 5))
    })
  })

  it('gets a new last layer, and keeps what is frozen', async () => {
    const { model: found } = trainableModel(network, { seed: 1, classes: 2 })
    expect(found.parameters.map(({ name }) => name)).toEqual(['w', 'scale', 'shift', 'head.weight', 'head.bias'])
    expect(found.graph.outputs[0]!.value.type.shape).toEqual([1, 2])
    const two = rows(60).map(({ inputs, target }) => ({ inputs, target: [target[0]! === 0 ? 0 : 1] }))
    const frozen = new Set(['w', 'scale', 'shift'])
    const { best } = await fit(
      found,
      { train: samplesOf(two), validation: samplesOf(two) },
      { ...options, frozen, frozenStatistics: true },
      compiledExecutor,
    )
    expect(best.validation.accuracy).toBeGreaterThan(0.8)
    expect(best.values['w']).toEqual(found.parameters[0]!.start.data)
  })
})

describe('a model that cannot be trained', () => {
  const failure = (bytes: Uint8Array, classes?: number): string => {
    try {
      trainableModel(bytes, { seed: 1, classes })
    } catch (error) {
      if (error instanceof CompileError) return error.message
      throw error
    }
    return ''
  }

  it('says that it has no weights', () => {
    const bytes = model({ inputs: ['x f32[1,4]'], outputs: ['y f32[1,4]'], nodes: ['y = Relu(x)'] })
    expect(failure(bytes)).toMatch(/A705 .*[^]*no weights of f32/)
  })

  it('says that no last layer can be replaced', () => {
    const bytes = model({
      inputs: ['x f32[1,4]'],
      outputs: ['y f32[1,4]'],
      nodes: ['y = Mul(x, w)'],
      initializers: [weights('w', [4])],
    })
    expect(failure(bytes, 2)).toMatch(/does not end in a matrix product/)
  })
})
