// What is searched: how wide the network is, and how it is trained.
import { batchNorm, conv, crop, defineConfig, dense, flip, globalAveragePool, relu, sequential } from 'attar/config'

const block = (channels: number, stride = 1) => [conv(channels, 3, { stride, bias: false }), batchNorm(), relu()]

export default defineConfig((trial) => {
  const width = trial.int('width', 8, 32, { step: 8, default: 16 })
  const padding = trial.int('crop', 0, 2, { default: 0 })
  return {
    network: sequential([
      ...[...block(width, 2), ...block(2 * width, 2), ...block(2 * width)],
      ...[globalAveragePool(), dense(10)],
    ]),
    input: [28, 28, 1],
    preprocess: { mean: [0.286], std: [0.353] },
    augment: [flip('horizontal'), ...(padding > 0 ? [crop({ padding })] : [])],
    train: {
      epochs: 8,
      batch: trial.int('batch', 16, 128, { default: 64 }),
      optimizer: { name: 'adamw', weightDecay: trial.float('decay', 1e-3, 1, { log: true, default: 0.01 }) },
      learningRate: trial.float('rate', 1e-4, 1e-1, { log: true, default: 1e-3 }),
      schedule: 'one-cycle',
    },
    tune: { trials: 30, objectives: ['accuracy', 'bytes'], maxSize: '100 kB' },
  }
})
