import { describe, expect, test } from 'vitest'
import { evaluate } from '../../compiler/core/evaluate.ts'
import { evaluator } from '../../compiler/core/executor.ts'
import { nodesOf, type Graph } from '../../compiler/core/graph.ts'
import { tensorOf, toNumbers } from '../../compiler/core/tensor.ts'
import { compiledExecutor } from '../../compiler/execute.ts'
import { writeBatchedModel, fixedLayersKey } from '../../compiler/index.ts'
import {
  inferenceOf,
  partedAtFront,
  runFront,
  trainableModel,
  trainableNetwork,
  trainedGraph,
  type TrainableModel,
} from '../../compiler/train/index.ts'
import {
  batchNorm,
  conv,
  dense,
  dropout,
  globalAveragePool,
  logMel,
  mfcc,
  relu,
  sequential,
  type Layer,
  type LogMelOptions,
} from '../../compiler/train/network/index.ts'
import { factorsOf } from '../../compiler/features/spectrum.ts'
import { inDoubles } from '../support/retype.ts'
import { range } from './networks/matrices.ts'

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0)

/** torchaudio's definitions, written down plainly: melscale_fbanks (HTK, no norm), a power spectrum by its sum. */
function logMelByHand(sound: readonly number[], o: LogMelOptions & { points: number }): number[][] {
  const { rate, window, hop, bins, points, low = 0, high = rate / 2, offset = 1e-6 } = o
  const toMel = (hertz: number): number => 2595 * Math.log10(1 + hertz / 700)
  const toHertz = (mel: number): number => 700 * (10 ** (mel / 2595) - 1)
  const corners = range(bins + 2).map((i) => toHertz(toMel(low) + ((toMel(high) - toMel(low)) * i) / (bins + 1)))
  const frames = 1 + Math.floor((sound.length - window) / hop)
  return range(frames).map((frame) => {
    const x = range(window).map((i) => sound[frame * hop + i]! * (0.5 - 0.5 * Math.cos((2 * Math.PI * i) / window)))
    const power = range(Math.floor(points / 2) + 1).map((k) => {
      const angle = (i: number): number => (2 * Math.PI * k * i) / points
      return sum(x.map((v, i) => v * Math.cos(angle(i)))) ** 2 + sum(x.map((v, i) => v * Math.sin(angle(i)))) ** 2
    })
    return range(bins).map((m) => {
      const [left, centre, right] = [corners[m]!, corners[m + 1]!, corners[m + 2]!]
      const weight = (hertz: number): number =>
        Math.max(0, Math.min((hertz - left) / (centre - left), (right - hertz) / (right - centre)))
      return Math.log(sum(power.map((p, k) => p * weight((k * rate) / points))) + offset)
    })
  })
}

const soundOf = (length: number): number[] =>
  range(length).map((i) => Math.fround(0.6 * Math.sin(i * i * 2e-3) + 0.2 * Math.sin(i * 12.9898)))

const networkOf = (layers: readonly Layer[], length: number): TrainableModel =>
  trainableNetwork(sequential(layers), {
    input: { dtype: 'f32', shape: [length] },
    activation: undefined,
    seed: 3,
  })

async function resultsOf(layer: Layer, length: number) {
  const { graph } = networkOf([layer], length)
  const x = soundOf(length)
  const exact = evaluate(inDoubles(graph), { input: tensorOf('f64', [1, length], x) })['output']!
  const compiled = (await compiledExecutor.prepare(graph))({ input: tensorOf('f32', [1, length], x) })['output']!
  return { shape: exact.shape, exact: toNumbers(exact), compiled: toNumbers(compiled) }
}

const farthest = (a: readonly number[], b: readonly number[]): number =>
  Math.max(...a.map((x, i) => Math.abs(x - b[i]!)))

describe('the logarithmic mel spectrum', () => {
  test.each<[string, number, LogMelOptions & { points: number }]>([
    ['a window shorter than the transform', 700, { rate: 8000, window: 100, hop: 40, bins: 10, points: 128 }],
    ['some bands only', 600, { rate: 16000, window: 256, hop: 128, bins: 12, points: 256, low: 300, high: 3400 }],
    ['a prime number of points', 300, { rate: 8000, window: 61, hop: 61, bins: 5, points: 61 }],
    ['an odd number of points, gaps', 400, { rate: 8000, window: 105, hop: 150, bins: 8, points: 105, offset: 0.01 }],
    ['a hop that does not divide', 500, { rate: 8000, window: 90, hop: 37, bins: 8, points: 90 }],
    ['one frame', 128, { rate: 8000, window: 128, hop: 64, bins: 8, points: 128 }],
  ])('is that of the definition: %s', async (_, length, options) => {
    const expected = logMelByHand(soundOf(length), options)
    const { shape, exact, compiled } = await resultsOf(logMel(options), length)
    expect(shape).toEqual([1, expected.length, options.bins, 1])
    // Tables are rounded to f32 before they are widened.
    expect(farthest(exact, expected.flat())).toBeLessThan(2e-4)
    expect(farthest(compiled, expected.flat())).toBeLessThan(1e-3)
  })

  test('takes the next power of two for its points', async () => {
    const options = { rate: 8000, window: 100, hop: 50, bins: 8 }
    const given = await resultsOf(logMel({ ...options, points: 128 }), 300)
    expect((await resultsOf(logMel(options), 300)).exact).toEqual(given.exact)
  })

  test('has cepstral coefficients: its orthonormal cosine transform', async () => {
    const options = { rate: 8000, window: 100, hop: 50, bins: 12, points: 128 }
    const bands = logMelByHand(soundOf(400), options)
    const expected = bands.map((row) =>
      range(5).map(
        (k) => Math.sqrt((k === 0 ? 1 : 2) / 12) * sum(row.map((v, m) => v * Math.cos((Math.PI / 12) * (m + 0.5) * k))),
      ),
    )
    const { shape, compiled } = await resultsOf(mfcc({ ...options, coefficients: 5 }), 400)
    expect(shape).toEqual([1, 7, 5, 1])
    expect(farthest(compiled, expected.flat())).toBeLessThan(1e-3)
  })

  test('has small tables', () => {
    expect([512, 400, 61, 1024].map(factorsOf)).toEqual([
      { first: 32, second: 16 },
      { first: 25, second: 16 },
      { first: 61, second: 1 },
      { first: 64, second: 16 },
    ])
    const bytes = (graph: Graph): number =>
      sum(nodesOf(graph).map(({ op, attrs }) => (op === 'constant' ? attrs.value.data.byteLength : 0)))
    const { graph } = networkOf([logMel({ rate: 16000, window: 400, hop: 160, bins: 40 })], 16000)
    expect(bytes(graph)).toBeLessThan(22_000)
  })
})

describe('options of sound that do not go together are refused:', () => {
  const good = { rate: 8000, window: 100, hop: 50, bins: 8 }
  test.each<[string, object]>([
    ['bin', { bin: 40 }],
    ['window', { window: 0 }],
    ['hop', { hop: 1.5 }],
    ['points is 64', { points: 64 }],
    ['nothing above 4000 Hz', { high: 5000 }],
    ['low is 3000 Hz', { low: 3000, high: 2000 }],
    ['1/256', { window: 2000, hop: 7 }],
  ])('%s', (message, more) => {
    expect(() => logMel({ ...good, ...more })).toThrow(/A702[^]*logMel/)
    expect(() => logMel({ ...good, ...more })).toThrow(message)
  })

  test('what the network shows', () => {
    expect(() => networkOf([logMel(good)], 99)).toThrow(/A702[^]*100 samples or more/)
    expect(() => networkOf([logMel({ ...good, bins: 60 })], 200)).toThrow(/A702[^]*between two frequencies/)
    expect(() => networkOf([logMel(good), logMel(good)], 200)).toThrow(/A702[^]*takes sound/)
    expect(() => mfcc({ ...good, coefficients: 9 })).toThrow(/A702[^]*9 coefficients of 8 bins/)
  })
})

describe('what the data alone decides', () => {
  const front = logMel({ rate: 8000, window: 100, hop: 50, bins: 8 })
  const behind = [batchNorm(), conv(3, 3), relu(), globalAveragePool(), dropout(0.5), dense(3)]
  const valuesOf = (model: TrainableModel) =>
    Object.fromEntries([
      ...model.parameters.map(({ name, start }) => [name, start] as const),
      ...model.normalizations.flatMap(({ mean, variance }) =>
        [mean, variance].map(({ name, start }) => [name, start] as const),
      ),
    ])

  test('is computed apart, with the same results', async () => {
    const model = networkOf([front, ...behind], 300)
    const parted = partedAtFront(model)!
    const x = tensorOf('f32', [1, 300], soundOf(300))
    const run = await runFront(parted.front, evaluator)
    const features = run({ input: x.data })
    expect(features['input']!.length).toBe(5 * 8)
    const values = valuesOf(model)
    const data = tensorOf('f32', [1, 5, 8, 1], Array.from(features['input'] as Float32Array))
    expect(evaluate(parted.model.graph, { ...values, input: data })).toEqual(
      evaluate(model.graph, { ...values, input: x }),
    )
    expect(nodesOf(parted.model.graph).filter(({ op }) => op === 'gather')).toEqual([])
    expect(parted.model.parameters).toBe(model.parameters)
    expect(parted.model.normalizations.map(({ x }) => x.node.op)).toEqual(['input'])
    const [place] = parted.model.dropouts
    expect(nodesOf(parted.model.graph)).toContain(place!.value.node)
  })

  test('is left where it is if there is little to compute', () => {
    expect(partedAtFront(networkOf([relu(), dense(3)], 8))).toBeUndefined()
  })

  test('stays as it is when the model is trained further', async () => {
    const model = networkOf([front, conv(3, 3), globalAveragePool(), dense(3)], 300)
    expect(model.fixedLayers).toEqual(['logMel1'])
    const start = Object.fromEntries(model.parameters.map(({ name, start }) => [name, start.data]))
    const { graph, names } = trainedGraph(model, start)
    const readBack = async (metadata: Record<string, string>) => {
      const bytes = await writeBatchedModel((size) => inferenceOf(graph, size), { names, metadata })
      return trainableModel(bytes, { seed: 1 }).model
    }
    const again = await readBack({ [fixedLayersKey]: '["logMel1"]' })
    expect(again.parameters.map(({ start }) => start.data.length).sort()).toEqual([27, 3, 3, 9].sort())
    expect(partedAtFront(again)).toBeDefined()
    for (const other of ['{', '[1]', '["other"]'])
      expect((await readBack({ [fixedLayersKey]: other })).parameters.length).toBeGreaterThan(4)
  })
})
