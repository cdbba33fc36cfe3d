import { expect, test } from 'vitest'
import { quantizationAware } from '../../compiler/compress/qat/index.ts'
import { compiledExecutor } from '../../compiler/execute.ts'
import { adamw, fit, samplesOf, type FitOptions, type Sample } from '../../compiler/train/index.ts'
import { batchNorm, dense, type Layer } from '../../compiler/train/network/index.ts'
import { evaluating, networkOf, spots, startOf } from './networks.ts'

const fitting: FitOptions = {
  ...{ epochs: 6, batch: 16, loss: 'cross-entropy', learningRate: 0.01, schedule: 'one-cycle', seed: 1 },
  optimizer: adamw(),
}

test('weights of 4 bits that were trained do better than those that were rounded', async () => {
  const shape = [48]
  const model = networkOf([dense(6)], shape, 'softmax')
  const [train, validation] = [samplesOf(spots(480, 1, shape, 6)), samplesOf(spots(480, 2, shape, 6))]
  const { best } = await fit(model, { train, validation }, fitting, compiledExecutor)
  const { report, model: own } = await quantizationAware(
    model,
    best.values,
    { mode: 'weights', bits: 4, epochs: 4, learningRate: 0.003 },
    {
      ...{ fitting, train, validation, executor: compiledExecutor },
      fit: (m, o) => fit(m, { train, validation }, { ...fitting, ...o }, compiledExecutor),
    },
  )
  expect(report.quantization.layers.map(({ bits }) => bits)).toEqual([4])
  expect(own.parameters).toHaveLength(2)
  expect(report.helped).toBe(true)
  expect(report.after.loss).toBeLessThan(report.before.loss)
  expect(report.after.accuracy).toBeGreaterThan(report.before.accuracy!)
})

test('a model without weights that could be integers, or data that is not finite, is an error', async () => {
  const shape = [4]
  const run = (layers: Layer[], data: Sample[]) => {
    const model = networkOf(layers, shape, 'softmax')
    const samples = samplesOf(data)
    return quantizationAware(
      model,
      startOf(model),
      { mode: 'int8', epochs: 1, learningRate: 1 },
      {
        ...{ fitting, train: samples, validation: samples, executor: evaluating },
        fit: () => Promise.reject(new Error('is not trained')),
      },
    )
  }
  await expect(run([batchNorm()], spots(8, 1, shape, 4))).rejects.toThrow('no weights that could be quantized')
  const bad = spots(8, 1, shape, 4).map((sample) => ({ ...sample, inputs: { input: new Float32Array(4).fill(NaN) } }))
  await expect(run([dense(4)], bad)).rejects.toThrow('no calibration sample is finite')
})
