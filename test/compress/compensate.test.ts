import { describe, expect, it } from 'vitest'
import { compensated } from '../../compiler/compress/techniques/compensate.ts'
import { quantize, type Sample } from '../../compiler/compress/index.ts'
import { layersOf, type Layer } from '../../compiler/compress/layers.ts'
import { planOf } from '../../compiler/compress/plan.ts'
import { weightsOf } from '../../compiler/compress/rewrite.ts'
import { secondMoments, type SecondMoments } from '../../compiler/compress/techniques/second-moments.ts'
import { channelOf, quantizeWeights } from '../../compiler/compress/weights.ts'
import { evaluate } from '../../compiler/core/evaluate.ts'
import { evaluator } from '../../compiler/core/executor.ts'
import type { Graph, Value } from '../../compiler/core/graph.ts'
import type { WindowAxis } from '../../compiler/core/ops/window.ts'
import { tensorOf, toNumbers } from '../../compiler/core/tensor.ts'
import { channelsLastAxes } from '../../compiler/passes/channels-last.ts'
import { nchw, oihw } from '../golden/change.ts'
import { Random } from '../support/random.ts'
import { graphOf, inputOf, randomTensor } from '../support/run-graph.ts'
import { b, constant, named, randomValues } from './networks.ts'

const random = new Random(3)
const contract = { lhsBatch: [], rhsBatch: [], lhsContract: [1], rhsContract: [0] }

function layerOf(graph: Graph): Layer {
  const [layer] = layersOf(graph)
  return layer!
}

async function momentsOf(graph: Graph, samples: readonly Sample[]): Promise<SecondMoments | undefined> {
  const layer = layerOf(graph)
  return (await secondMoments(graph, [layer], samples, evaluator, () => {})).get(layer)
}

describe('second moments', () => {
  const x = inputOf('x', 'f32', [2, 7, 6, 3])
  const window: WindowAxis[] = [
    { size: 3, stride: 2, dilation: 1, low: 1, high: 0, baseDilation: 1 },
    { size: 2, stride: 1, dilation: 2, low: 0, high: 1, baseDilation: 1 },
  ]
  const weights = constant([4, 3, 3, 2], randomValues(random, 72))
  const grouped = inputOf('x', 'f32', [2, 7, 6, 6])
  const planes = inputOf('x', 'f32', [2, 3, 7, 6])
  const rows = inputOf('x', 'f32', [5, 3, 4])
  const flat = inputOf('x', 'f32', [9, 6])
  it.each<[string, Value, Value]>([
    [
      'a convolution',
      x,
      b.convolution(x, weights, {
        ...{ lhs: channelsLastAxes(2), out: channelsLastAxes(2), rhs: oihw, window, groups: 1 },
      }),
    ],
    [
      'a convolution in groups',
      grouped,
      b.convolution(grouped, constant([6, 2, 3, 2], randomValues(random, 72)), {
        ...{ lhs: channelsLastAxes(2), out: channelsLastAxes(2), rhs: oihw, window, groups: 3 },
      }),
    ],
    [
      'a depthwise convolution with its channels first',
      planes,
      b.convolution(planes, constant([3, 1, 3, 2], randomValues(random, 18)), {
        ...{ lhs: nchw, out: nchw, rhs: oihw, window, groups: 3 },
      }),
    ],
    [
      'a product over two axes',
      rows,
      b.dotGeneral(rows, constant([4, 6, 3], randomValues(random, 72)), {
        ...{ lhsBatch: [], rhsBatch: [], lhsContract: [2, 1], rhsContract: [0, 2] },
      }),
    ],
    [
      'weights on the left',
      flat,
      b.dotGeneral(constant([6, 4], randomValues(random, 24)), flat, {
        ...contract,
        lhsContract: [0],
        rhsContract: [1],
      }),
    ],
  ])('of %s say what the squares of its results add up to', async (_, input, y) => {
    const graph = graphOf([input], [y])
    const samples = [1, 2, 3].map(() => ({ x: randomTensor(random, 'f32', input.type.shape) }))
    const layer = layerOf(graph)
    const { groups, terms, sums, term } = (await momentsOf(graph, samples))!
    const results = samples.map((sample) => toNumbers(evaluate(graph, sample).y0!))
    const squares = results.flat().reduce((sum, v) => sum + v * v, 0)
    const { tensor, channels } = layer.weights!
    const channel = channelOf(layer.weights!)
    const columns = Array.from({ length: channels }, () => new Array<number>(terms).fill(0))
    toNumbers(tensor).forEach((w, i) => (columns[channel(i)]![term(i)] = w))
    const quadratic = columns.map((w, c) => {
      const own = sums.subarray(Math.floor((c * groups) / channels) * terms * terms)
      return w.reduce((sum, a, i) => sum + a * w.reduce((inner, v, j) => inner + v * own[i * terms + j]!, 0), 0)
    })
    expect(quadratic.reduce((a, c) => a + c, 0) / squares).toBeCloseTo(1, 4)
  })
})

describe('rounding that makes up for errors', () => {
  const x = inputOf('x', 'f32', [1, 3])
  const layerWith = (values: readonly number[]): Layer =>
    layerOf(graphOf([x], [b.dotGeneral(x, constant([3, 1], values), contract)]))
  const moments = (sums: readonly number[]): SecondMoments => ({
    ...{ groups: 1, terms: 3, sums: Float64Array.from(sums), term: (i) => i },
  })
  const rounded = { bits: 8, data: Int8Array.of(0, 0, 0), scales: Float32Array.of(1) } as const

  it('passes an error on to inputs that go along', () => {
    // 0.4 becomes 0; the second, of the same input, is 0.8 then and becomes 1, which is 0.2 too much for the third.
    const same = [1, 1, 1, 1, 1, 1, 1, 1, 1]
    const { data } = compensated(layerWith([0.4, 0.4, 0.4]), moments(same), rounded)
    expect([...data]).toEqual([0, 1, 0])
    const apart = [1, 0, 0, 0, 1, 0, 0, 0, 1]
    expect([...compensated(layerWith([0.4, 0.4, 0.4]), moments(apart), rounded).data]).toEqual([0, 0, 0])
  })

  it('leaves weights as they were where the inputs are nothing, or not finite', () => {
    for (const v of [0, NaN, Infinity])
      expect(compensated(layerWith([0.4, 0.4, 0.4]), moments(new Array<number>(9).fill(v)), rounded)).toEqual(rounded)
  })

  describe('where inputs go together', () => {
    const [inputs, hidden, outputs] = [64, 6, 16]
    const mix = randomValues(random, inputs * hidden)
    const sample = (): Sample => {
      const z = randomValues(random, hidden)
      const values = Array.from({ length: inputs }, (_, i) =>
        z.reduce((sum, v, k) => sum + v * mix[i * hidden + k]!, 0.05 * random.float()),
      )
      return { x: tensorOf('f32', [1, inputs], values) }
    }
    const wide = inputOf('x', 'f32', [1, inputs])
    const product = b.dotGeneral(wide, constant([inputs, outputs], randomValues(random, 1024)), contract)
    const graph = graphOf([wide], [product])
    const validation = { samples: Array.from({ length: 50 }, sample) }
    const calibration = Array.from({ length: 64 }, sample)
    const layer = layerOf(graph)

    it('halves the noise of 4 bits', async () => {
      const options = { mode: 'weights', bits: 4, executor: evaluator, validation, metric: 'mse' } as const
      const plain = await quantize(graph, { ...options, calibration: [] })
      const careful = await quantize(graph, { ...options, calibration })
      expect(careful.report.techniques[0]).toBe('rounding that makes up for errors')
      expect(careful.report.accuracy!.drop).toBeLessThan(plain.report.accuracy!.drop / 2)
      expect(quantizeWeights(layer.weights!, { bits: 4 }).data.some((q) => q === -8)).toBe(true)
    })

    it('halves the noise of 8-bit weights beside 8-bit activations', async () => {
      // Whole numbers from −128 to 127 are stored as they are: what noise there is comes from weights.
      const whole = ({ x: values }: Sample): Sample => {
        const rounded = toNumbers(values!).map((v) => Math.min(127, Math.max(-128, Math.round(40 * v))))
        return { x: tensorOf('f32', [1, inputs], [-128, 127, ...rounded.slice(2)]) }
      }
      const judged = validation.samples.map(whole)
      const { report } = await quantize(graph, {
        ...{ mode: 'int8', executor: evaluator, metric: 'mse', calibration: calibration.map(whole) },
        validation: { samples: judged },
      })
      expect(report.techniques[0]).toBe('rounding that makes up for errors')
      // The noise of weights rounded to the nearest, in floats on the same samples.
      const { data, scales } = quantizeWeights(layer.weights!, {})
      const w = toNumbers(layer.weights!.tensor)
      const difference = w.map((v, i) => v - data[i]! * scales[i % outputs]!)
      const times = ({ x }: Sample, matrix: readonly number[]): number[] =>
        Array.from({ length: outputs }, (_, c) =>
          toNumbers(x!).reduce((sum, v, i) => sum + v * matrix[i * outputs + c]!, 0),
        )
      const energy = (matrix: readonly number[]): number =>
        judged.flatMap((s) => times(s, matrix)).reduce((sum, v) => sum + v * v, 0)
      const nearest = energy(difference) / energy(w)
      expect(report.accuracy!.drop).toBeLessThan(nearest / 2)
    })
  })

  it('is left out where its scales would not carry the bias', () => {
    const builder = named('biased')
    const product = builder.dotGeneral(x, constant([3, 1], [1e-6, 2e-6, 3e-6]), contract)
    const graph = graphOf([x], [builder.binary('add', product, constant([1], [100]))])
    const [layer] = layersOf(graph)
    const plan = planOf(graph, [layer!])
    const parameters = new Map([[x, { scale: 2 ** -8, zero: 0 }]])
    const known = (scale: number) => ({ bits: 8, data: Int8Array.of(1, 2, 3), scales: Float32Array.of(scale) }) as const
    const chosen = (scale: number) =>
      weightsOf(plan, { parameters, weights: new Map([[layer!, known(scale)]]) }, layer!)
    // 100 / 2^30 / 2^-8 is 2.4e-5: with scales of 1e-6, its integer would be beyond i32.
    expect(chosen(1e-6).scales[0]).toBeCloseTo((100 / 2 ** 30) * 2 ** 8, 9)
    expect([...chosen(1e-6).data]).toEqual([0, 0, 0])
    expect([...chosen(2.4e-5).data]).toEqual([1, 2, 3])
  })
})
