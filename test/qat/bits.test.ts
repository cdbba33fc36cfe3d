import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { quantizationAware } from '../../compiler/compress/qat/index.ts'
import { evaluate } from '../../compiler/core/evaluate.ts'
import { nodesOf } from '../../compiler/core/graph.ts'
import { bytesOf, tensor } from '../../compiler/core/tensor.ts'
import { compiledExecutor } from '../../compiler/execute.ts'
import { importModel, writeModel } from '../../compiler/index.ts'
import { runPasses } from '../../compiler/passes/index.ts'
import { compileGraph } from '../../compiler/pipeline.ts'
import { adamw, inferenceOf, samplesOf, type FitOptions, type TrainableModel } from '../../compiler/train/index.ts'
import {
  averagePool,
  conv,
  dense,
  depthwise,
  flatten,
  globalAveragePool,
  hardSwish,
  maxPool,
  relu,
  relu6,
  residual,
  silu,
  type Layer,
} from '../../compiler/train/network/index.ts'
import { expectSameBytes, jobOf } from '../support/engines/jobs.ts'
import { Random } from '../support/random.ts'
import { relaxedEngines, type RelaxedEngine } from '../support/engines/relaxed-engines.ts'
import { runModule } from '../support/run-graph.ts'
import { evaluating, networkOf, spots, startOf } from './networks.ts'

const fitting: FitOptions = {
  ...{ epochs: 1, batch: 4, loss: 'mean-squared-error', learningRate: 0.01, schedule: 'one-cycle', seed: 1 },
  optimizer: adamw(),
}

/** What two branches make of `x`, side by side. */
const beside = (one: Layer, other: Layer): Layer => ({
  kind: 'beside',
  build: (network, x) => network.b.concatenate([network.build(one, x), network.build(other, x)], 3),
})

const networks: Record<string, { shape: number[]; layers: Layer[] }> = {
  'a residual, a concatenation and a pool': {
    shape: [5, 5, 3],
    layers: [
      ...[beside(conv(4, 3), conv(4, 1)), relu(), residual([conv(8, 3), relu6(), conv(8, 1)]), maxPool(2)],
      ...[conv(8, 2, { padding: 'valid' }), relu(), flatten(), dense(3)],
    ],
  },
  'depthwise, strides and smooth activations': {
    shape: [6, 6, 3],
    layers: [
      conv(8, 3),
      hardSwish(),
      depthwise(3, { stride: 2 }),
      silu(),
      conv(8, 1, { groups: 2 }),
      averagePool(3),
      globalAveragePool(),
      dense(3),
    ],
  },
  'sums beyond 24 bits': { shape: [4, 4, 160], layers: [flatten(), dense(8), relu(), dense(3)] },
}

/** Values as a training might leave them: some weights leave their range. */
function moved({ parameters }: TrainableModel, random: Random): Record<string, Float32Array> {
  return Object.fromEntries(
    parameters.map(({ name, start }) => {
      const values = start.data as Float32Array
      const size = Math.max(...values.map(Math.abs))
      return [name, values.map((w) => w * (0.8 + 0.5 * random.float()) + size * 0.2 * (random.float() - 0.5))]
    }),
  )
}

describe('the module of a model that was trained with integers', () => {
  let engines: RelaxedEngine[] = []
  beforeAll(async () => void (engines = await relaxedEngines(false)))
  afterAll(() => engines.forEach((engine) => engine.close()))

  test.each(Object.entries(networks))('has the bits that training saw: %s', async (_, { shape, layers }) => {
    const model = networkOf(layers, shape)
    const data = spots(12, 1, shape).map(({ inputs, target }) => ({
      inputs,
      target: [0, 1, 2].map((k) => +(k === target[0])),
    }))
    const samples = samplesOf(data)
    const random = new Random(5)
    const {
      model: trained,
      graph,
      fit,
    } = await quantizationAware(
      model,
      startOf(model),
      { mode: 'int8', epochs: 1, learningRate: 1 },
      {
        ...{ fitting, train: samples, validation: samples, executor: evaluating },
        fit: async (own) => {
          const best = { epoch: 0, validation: { loss: -1 }, values: moved(own, random) }
          return { best, history: [], ended: 'done' }
        },
      },
    )
    expect(trained.parameters.some(({ name }) => name.endsWith('/bias'))).toBe(true)
    const whole = inferenceOf(graph, 1)
    const products = nodesOf(runPasses(whole)).filter(({ op }) => op === 'convolution' || op === 'dot_general')
    expect(products.every(({ results }) => results[0]!.type.dtype === 'i32')).toBe(true)
    const compiled = await compileGraph(whole, engines.length > 0 ? {} : { targets: ['simd'] })
    const own = Object.fromEntries(
      trained.parameters.map(({ name, start }) => [name, tensor('f32', start.shape, fit.best.values[name]!)]),
    )
    const inputOf = (i: number) => ({ input: tensor('f32', [1, ...shape], data[i]!.inputs['input']!) })
    const step = await compiledExecutor.prepare(trained.graph)
    const { name } = graph.outputs[0]!
    const x = inputOf(3)
    for (const sample of [0, 1, 2].map(inputOf)) {
      const all = { ...sample, ...own }
      const expected = [...evaluate(trained.graph, all)[name]!.data]
      expect([...step(all)[name]!.data]).toEqual(expected)
      expect([...runModule(compiled.modules.simd!, compiled.spec, sample)[name]!.data]).toEqual(expected)
      for (const engine of engines) {
        const runs = await engine.run(jobOf(compiled, 'relaxed-simd', sample))
        expectSameBytes(runs, [bytesOf(tensor('f32', [expected.length], Float32Array.from(expected)))], engine.name)
      }
    }
    // As ONNX it is the same model.
    const { graph: again } = importModel(await writeModel((size) => inferenceOf(graph, size)), { dims: { batch: 1 } })
    const run = await compiledExecutor.prepare(again)
    expect([...run(x)[name]!.data]).toEqual([...evaluate(trained.graph, { ...x, ...own })[name]!.data])
  })
})
