import { expect, it } from 'vitest'
import { choose, couplings, CostCounter, magnitude, withoutGroups } from '../../compiler/compress/prune/index.ts'
import { evaluate } from '../../compiler/core/evaluate.ts'
import { verify } from '../../compiler/core/verify.ts'
import { compiledExecutor } from '../../compiler/execute.ts'
import { writeBatchedModel } from '../../compiler/onnx/write/index.ts'
import { adamw, fit, inferenceOf, samplesOf, trainableModel, trainedGraph } from '../../compiler/train/index.ts'
import {
  averagePool,
  batchNorm,
  conv,
  dense,
  depthwise,
  dropout,
  flatten,
  relu,
  residual,
  sequential,
  trainableNetwork,
} from '../../compiler/train/network/index.ts'
import { Random } from '../support/random.ts'
import { expectClose, randomTensor } from '../support/run-graph.ts'
import { runByOnnxruntime } from '../write/judge.ts'

it('a pruned model trains, and is an ONNX model of any batch size, which is pruned again', async () => {
  const random = new Random(9)
  const body = [conv(16, 3), batchNorm(), residual([relu(), depthwise(3), conv(16, 1)]), averagePool(2)]
  const whole = trainableNetwork(sequential([...body, flatten(), dropout(0.3), dense(24), relu(), dense(3)]), {
    ...{ input: { dtype: 'f32', shape: [6, 6, 1] }, activation: 'softmax', seed: 1 },
  })
  const samples = samplesOf(
    Array.from({ length: 60 }, (_, i) => {
      const input = Float32Array.from({ length: 36 }, (__, k) => random.float() - 0.5 + (k % 3 === i % 3 ? 1 : 0))
      return { inputs: { input }, target: [i % 3] }
    }),
  )
  const half = async (model: typeof whole) => {
    const found = couplings(model)
    const { costs } = new CostCounter(found, model.parameters)
    const limits = { macs: Math.floor(costs.macs / 2) }
    const choice = await choose(model, found, magnitude(model, found.groups), { limits, scope: 'global' })
    const less = withoutGroups(model, found, choice.groups)
    verify(less.graph)
    expect(new CostCounter(couplings(less), less.parameters).costs.macs).toBeLessThanOrEqual(costs.macs / 2)
    return less
  }
  const pruned = await half(whole)
  const { best } = await fit(
    pruned,
    { train: samples, validation: samples },
    {
      ...{
        epochs: 8,
        batch: 16,
        loss: 'cross-entropy',
        optimizer: adamw(),
        learningRate: 0.01,
        schedule: 'constant',
      },
      seed: 1,
    },
    compiledExecutor,
  )
  expect(best.validation.accuracy).toBeGreaterThan(0.9)
  const { graph, names } = trainedGraph(pruned, best.values)
  const bytes = writeBatchedModel((size) => inferenceOf(graph, size), { names })
  for (const size of [1, 3]) {
    const input = randomTensor(random, 'f32', [size, 6, 6, 1])
    const { output } = await runByOnnxruntime(bytes, { input })
    expectClose(output!, evaluate(inferenceOf(graph, size), { input })['output']!, 1e-4)
  }
  await half(trainableModel(bytes, { seed: 1 }).model)
})
