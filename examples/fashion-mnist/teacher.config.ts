import {
  batchNorm,
  conv,
  crop,
  defineConfig,
  dense,
  dropout,
  flatten,
  flip,
  maxPool,
  relu,
  sequential,
} from 'attar/config'

export default defineConfig({
  network: sequential([
    ...[conv(16, 3, { bias: false }), batchNorm(), relu(), maxPool(2)],
    ...[conv(32, 3, { bias: false }), batchNorm(), relu(), maxPool(2)],
    ...[flatten(), dense(512, { bias: false }), batchNorm(), relu(), dropout(0.5)],
    dense(10),
  ]),
  input: [28, 28, 1],
  preprocess: { mean: [0.286], std: [0.353] },
  augment: [flip('horizontal'), crop({ padding: 1 })],
  data: { val: '3%' },
  train: {
    epochs: 10,
    batch: 64,
    optimizer: { name: 'sgd', momentum: 0.9, nesterov: true, weightDecay: 0.0005 },
    learningRate: 0.05,
    schedule: 'one-cycle',
  },
})
