import { describe, expect, test } from 'vitest'
import { quantizationAware } from '../../compiler/compress/qat/index.ts'
import { tensor } from '../../compiler/core/tensor.ts'
import { compiledExecutor } from '../../compiler/execute.ts'
import { adamw, fit, inferenceOf, samplesOf, type FitOptions } from '../../compiler/train/index.ts'
import {
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
  batchNorm,
  averagePool,
  type Layer,
} from '../../compiler/train/network/index.ts'
import { networkOf, spots } from './networks.ts'

const fitting: FitOptions = {
  ...{ epochs: 1, batch: 8, loss: 'cross-entropy', learningRate: 0.01, schedule: 'one-cycle', seed: 1 },
  optimizer: adamw(),
}

const networks: Record<string, Layer[]> = {
  conv: [conv(8, 3), relu(), maxPool(2), conv(8, 3), relu6(), flatten(), dense(3)],
  residual: [conv(8, 3), batchNorm(), relu(), residual([conv(8, 3), relu(), conv(8, 3)]), relu(), globalAveragePool(), dense(3)],
  depthwise: [conv(8, 3), hardSwish(), depthwise(3), relu6(), conv(16, 1), averagePool(2), flatten(), dense(64), relu(), dense(3)],
}

describe('bits', () => {
  test.each(Object.entries(networks))('%s', async (_, layers) => {
    const model = networkOf(layers)
    const train = samplesOf(spots(48, 1))
    const validation = samplesOf(spots(24, 2))
    const values = Object.fromEntries([...model.parameters, ...model.normalizations.flatMap((n) => [n.mean, n.variance])].map((p) => [p.name, p.start.data]))
    const result = await quantizationAware(model, values, { mode: 'int8', epochs: 2, learningRate: 0.003 }, {
      ...{ fitting, train, validation, executor: compiledExecutor },
      fit: (m, o) => fit(m, { train, validation }, { ...fitting, ...o }, compiledExecutor),
    })
    console.log(JSON.stringify({ ...result.report, quantization: result.report.quantization.layers.map(l=>[l.name,l.inputBits, l.bits]) }), result.fit.history.map(h=>h.train.loss), result.model.parameters.map(p=>p.name).join())
    { const last = result.fit.best.values;
    const seen = await compiledExecutor.prepare(result.model.graph)
    const params = Object.fromEntries(result.model.parameters.map(({ name, start }) => [name, tensor('f32', start.shape, last[name]!)]))
    const compiled = await compiledExecutor.prepare(inferenceOf(result.graph, 1))
    for (const { inputs } of spots(24, 2)) {
      const x = { input: tensor('f32', [1, 8, 8, 3], inputs['input']!) }
      const name = result.graph.outputs[0]!.name
      expect([...seen({ ...x, ...params })[name]!.data]).toEqual([...compiled(x)[name]!.data])
    }}
  })
})
