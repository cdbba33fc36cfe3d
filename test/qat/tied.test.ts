import { expect, test } from 'vitest'
import { predictionOf, quantizationAware } from '../../compiler/compress/qat/index.ts'
import { tensor } from '../../compiler/core/tensor.ts'
import { compiledExecutor } from '../../compiler/execute.ts'
import { adamw, fit, samplesOf, trainableModel, type FitOptions, type Sample } from '../../compiler/train/index.ts'
import { model, node, stored } from '../onnx/build.ts'
import { Random } from '../support/random.ts'
import { randomTensor } from '../support/run-graph.ts'
import { startOf } from './networks.ts'

const [words, features] = [96, 16]
const random = new Random(5)

/** The mean of some words, of which the layer that embedded them makes scores of words. */
const network = model({
  inputs: ['ids i64[1,4]'],
  outputs: ['scores f32[1,96]'],
  nodes: [
    'rows = Gather(table, ids)',
    node('mean = ReduceMean(rows)', { attributes: { axes: [1], keepdims: 0 } }),
    'hidden = Gemm(mean, w)',
    'active = Tanh(hidden)',
    node('scores = Gemm(active, table)', { attributes: { transB: 1 } }),
  ],
  initializers: [
    stored('table', randomTensor(random, 'f32', [words, features])),
    stored('w', randomTensor(random, 'f32', [features, features])),
  ],
})

/** Four words, and that which comes most often. */
const sentences = (count: number): Sample[] =>
  Array.from({ length: count }, (_, i) => {
    const word = (i * 7) % words
    const ids = [word, word, word, Math.floor(random.float() * words)].map(BigInt)
    return { inputs: { ids: BigInt64Array.from(ids) }, target: [word] }
  })

const fitting: FitOptions = {
  ...{ epochs: 3, batch: 16, loss: 'cross-entropy', learningRate: 0.01, schedule: 'one-cycle', seed: 1 },
  optimizer: adamw(),
}

test('a table that a product of integers shares with a lookup is trained as two, and the model is what was trained', async () => {
  const { model: source } = trainableModel(network, { seed: 1 })
  const [train, validation] = [samplesOf(sentences(192)), samplesOf(sentences(96))]
  const training = await quantizationAware(
    source,
    startOf(source),
    { mode: 'int8', epochs: 3, learningRate: 0.01 },
    {
      ...{ fitting, train, validation, executor: compiledExecutor },
      fit: (m, o) => fit(m, { train, validation }, { ...fitting, ...o }, compiledExecutor),
    },
  )
  expect(training.report.helped).toBe(true)
  const parameters = training.model.parameters.map(({ name, value }) => [name, value.type.shape])
  expect(parameters.filter(([, shape]) => (shape as number[])[0] === words)).toHaveLength(2)
  const seen = await predictionOf(training, compiledExecutor)
  const run = await compiledExecutor.prepare(training.graph)
  for (const { inputs } of sentences(8)) {
    const found = run({ ids: tensor('i64', [1, 4], inputs.ids!) })
    expect(found.scores!.data).toEqual(seen({ ids: inputs.ids! }))
  }
})
