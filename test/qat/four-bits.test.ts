import { expect, test } from 'vitest'
import { quantizationAware } from '../../compiler/compress/qat/index.ts'
import { compiledExecutor } from '../../compiler/execute.ts'
import { adamw, fit, samplesOf, type FitOptions } from '../../compiler/train/index.ts'
import { dense } from '../../compiler/train/network/index.ts'
import { networkOf, spots } from './networks.ts'

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
  console.log(
    report.float,
    report.before,
    report.after,
    report.quantization.layers.map((l) => l.bits),
  )
  expect(own.parameters).toHaveLength(2)
  expect(report.after.loss).toBeLessThan(report.before.loss)
})
