import { batchNorm, conv, defineConfig, dense, flip, globalAveragePool, maxPool, relu, sequential } from 'attar/config'

const block = (channels: number) => [conv(channels, 3, { bias: false }), batchNorm(), relu()]

export default defineConfig({
  network: sequential([
    ...[...block(16), maxPool(2)],
    ...[...block(24), maxPool(2)],
    ...[...block(32), ...block(40)],
    ...[globalAveragePool(), dense(10)],
  ]),
  input: [28, 28, 1],
  preprocess: { mean: [0.286], std: [0.353] },
  augment: [flip('horizontal')],
  data: { val: '5%' },
  train: {
    epochs: 16,
    batch: 64,
    optimizer: { name: 'adamw', weightDecay: 0.01 },
    learningRate: 0.005,
    schedule: 'one-cycle',
  },
})
