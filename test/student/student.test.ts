import { describe, expect, it } from 'vitest'
import { studentOf } from '../../compiler/compress/student/index.ts'
import { evaluate } from '../../compiler/core/evaluate.ts'
import { sameType, tensor, tensorOf, toNumbers } from '../../compiler/core/tensor.ts'
import { inferenceOf, tensorsOf, trainedGraph, type TrainableModel } from '../../compiler/train/index.ts'
import {
  batchNorm,
  conv,
  dense,
  dropout,
  flatten,
  gelu,
  globalAveragePool,
  layerNorm,
  positionEmbedding,
  relu,
  residual,
  selfAttention,
  sequential,
  trainableNetwork,
  type Layer,
} from '../../compiler/train/network/index.ts'
import { writeBatchedModel } from '../../compiler/index.ts'
import { Random } from '../support/random.ts'

const network = (layers: readonly Layer[], shape: readonly number[]): TrainableModel =>
  trainableNetwork(sequential(layers), { input: { dtype: 'f32', shape }, activation: 'softmax', seed: 3 })

function resultsOf(model: TrainableModel, seed: number): number[] {
  const random = new Random(seed)
  const [name] = model.data as [string]
  const { shape } = model.graph.inputs.find((port) => port.name === name)!.value.type
  const count = shape.reduce((a, d) => a * d, 1)
  const x = tensorOf(
    'f32',
    shape,
    Array.from({ length: count }, () => 2 * random.float() - 1),
  )
  const given = tensorsOf(model).map(({ name, start }) => [name, start] as const)
  return toNumbers(evaluate(model.graph, { ...Object.fromEntries(given), [name]: x })[model.graph.outputs[0]!.name]!)
}

/** With 0 for parameters. */
const zeroed = (model: TrainableModel, of: (name: string) => boolean): TrainableModel => ({
  ...model,
  parameters: model.parameters.map((p) =>
    of(p.name) ? { ...p, start: tensor('f32', p.start.shape, new Float32Array(p.start.data.length)) } : p,
  ),
})

const namesOf = ({ parameters }: TrainableModel): string[] => parameters.map(({ name }) => name)
const goneFrom = (before: TrainableModel, after: TrainableModel): Set<string> =>
  new Set(namesOf(before).filter((name) => !namesOf(after).includes(name)))

describe('half of the blocks', () => {
  const block = residual([conv(4, 3), batchNorm(), relu(), conv(4, 3)])
  const before = residual([layerNorm(), selfAttention({ heads: 2 })])
  const after = residual([layerNorm(), dense(12), gelu(), dropout(0.1), dense(6)])
  const behind = [
    residual([selfAttention({ heads: 2 })]),
    layerNorm(),
    residual([dense(12), gelu(), dense(6)]),
    layerNorm(),
  ]
  const cases: Record<
    string,
    [layers: readonly Layer[], shape: readonly number[], removed: number, layersGone: number]
  > = {
    'of stages of a ResNet': [
      [conv(4, 3), relu(), block, relu(), block, relu(), block, relu(), conv(6, 3), relu(), flatten(), dense(3)],
      ...([[4, 4, 2], 1, 3] as const),
    ],
    'of a transformer with normalizations first': [
      [positionEmbedding(), before, after, before, after, before, after, before, after, globalAveragePool(), dense(3)],
      ...([[5, 6], 2, 10] as const),
    ],
  }

  it.each(Object.entries(cases))('%s', (_, [layers, shape, removed, layersGone]) => {
    const model = network(layers, shape)
    const { model: student, report } = studentOf(model, { blocks: 'half' })
    expect(report.removed).toHaveLength(removed)
    const gone = goneFrom(model, student)
    expect(new Set([...gone].map((name) => name.replace(/\.[^.]*$/, ''))).size).toBe(layersGone)
    expect(report.parameters.before - report.parameters.after).toBe(
      model.parameters.filter(({ name }) => gone.has(name)).reduce((sum, { start }) => sum + start.data.length, 0),
    )
    expect(report.macs.after).toBeLessThan(report.macs.before)
    expect(student.dropouts).toHaveLength(model.dropouts.length / 2)
    // Blocks that add 0 are as good as gone.
    expect(resultsOf(student, 1)).toEqual(
      resultsOf(
        zeroed(model, (name) => gone.has(name)),
        1,
      ),
    )
    expect(resultsOf(student, 1)).not.toEqual(resultsOf(model, 1))
    expect(
      student.normalizations.every(({ mean }) => student.graph.inputs.some(({ name }) => name === mean.name)),
    ).toBe(true)
  })

  it('of a transformer with normalizations last: whole layers with theirs', () => {
    const model = network([dense(6), ...behind, ...behind, globalAveragePool(), dense(3)], [5, 6])
    const { model: student, report } = studentOf(model, { blocks: 'half' })
    expect(report.removed).toHaveLength(1)
    const shorter = network([dense(6), ...behind, globalAveragePool(), dense(3)], [5, 6])
    expect(student.parameters.map(({ start }) => start.shape)).toEqual(
      shorter.parameters.map(({ start }) => start.shape),
    )
  })

  it('is refused where blocks are not alike', () => {
    const layers = [residual([conv(4, 3)]), residual([conv(4, 3), relu()]), flatten(), dense(3)]
    expect(() => studentOf(network(layers, [4, 4, 4]), { blocks: 'half' })).toThrow('no residual blocks')
    expect(() => studentOf(network([dense(4), relu(), dense(4), relu(), dense(3)], [4]), { blocks: 'half' })).toThrow(
      'A702',
    )
  })
})

describe('depthwise convolutions', () => {
  const layers = [conv(6, 3), relu(), conv(8, 3, { stride: 2 }), batchNorm(), relu(), conv(5, 1), flatten(), dense(3)]
  const model = network(layers, [6, 5, 2])
  const wide = model.parameters.find(({ start: { shape } }) => shape.join() === '3,3,6,8')!

  it('stand for those that get cheaper by it, and are written', async () => {
    const { model: student, report } = studentOf(model, { depthwise: true })
    expect(report.depthwise).toHaveLength(1)
    expect([...goneFrom(model, student)]).toEqual([wide.name])
    expect(report.parameters.before - report.parameters.after).toBe(9 * 6 * 8 - 9 * 6 - 6 * 8)
    expect(report.macs.before - report.macs.after).toBe(3 * 3 * (9 * 6 * 8 - 9 * 6 - 6 * 8))
    const values = Object.fromEntries(tensorsOf(student).map(({ name, start }) => [name, start.data]))
    const { graph, names } = trainedGraph(student, values)
    const bytes = await writeBatchedModel((size) => inferenceOf(graph, size), { names, metadata: {} })
    expect(bytes.length).toBeGreaterThan(0)
    expect(() => studentOf(student, { depthwise: true })).toThrow('no convolutions')
  })

  it('start as the nearest pair', () => {
    const random = new Random(5)
    const draw = (count: number): number[] => Array.from({ length: count }, () => 2 * random.float() - 1)
    const [v, u] = [draw(9 * 6), draw(6 * 8)]
    /** Weights u vᵀ of each input channel, and something more. */
    const weights = (more: readonly number[]): Float32Array =>
      Float32Array.from({ length: 9 * 6 * 8 }, (_, at) => {
        const [tap, i, o] = [Math.floor(at / 48), Math.floor(at / 8) % 6, at % 8]
        return v[tap * 6 + i]! * u[i * 8 + o]! + more[at]!
      })
    const withWeights = (data: Float32Array): TrainableModel => ({
      ...model,
      parameters: model.parameters.map((p) => (p === wide ? { ...p, start: tensor('f32', p.start.shape, data) } : p)),
    })
    const exact = withWeights(weights(new Array<number>(432).fill(0)))
    const found = resultsOf(studentOf(exact, { depthwise: true }).model, 2)
    resultsOf(exact, 2).forEach((value, i) => expect(found[i]).toBeCloseTo(value, 5))
    const near = withWeights(weights(draw(432).map((x) => 0.3 * x)))
    const student = studentOf(near, { depthwise: true }).model
    const [spatial, pointwise] = ['.depthwise', '.pointwise'].map(
      (end) => student.parameters.find(({ name }) => name === wide.name + end)!.start.data as Float32Array,
    ) as [Float32Array, Float32Array]
    const wanted = near.parameters.find(({ name }) => name === wide.name)!.start.data as Float32Array
    const distance = (change: (at: number) => number): number => {
      let sum = 0
      for (let tap = 0; tap < 9; tap++)
        for (let i = 0; i < 6; i++)
          for (let o = 0; o < 8; o++) {
            const at = i * 9 + tap
            sum += (wanted[(tap * 6 + i) * 8 + o]! - (spatial[at]! + change(at)) * pointwise[o * 6 + i]!) ** 2
          }
      return sum
    }
    const least = distance(() => 0)
    for (let at = 0; at < 54; at++)
      for (const by of [0.01, -0.01]) expect(distance((k) => (k === at ? by : 0))).toBeGreaterThan(least)
  })
})

it('both together', () => {
  const block = residual([conv(8, 3), relu(), conv(8, 3)])
  const model = network([conv(8, 3), block, block, flatten(), dense(3)], [4, 4, 2])
  const { model: student, report } = studentOf(model, { blocks: 'half', depthwise: true })
  expect(report.removed).toHaveLength(1)
  expect(report.depthwise).toHaveLength(2)
  expect(sameType(student.scores.type, model.scores.type)).toBe(true)
  expect(resultsOf(student, 1)).toHaveLength(3)
})
