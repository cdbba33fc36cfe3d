import {
  batchNorm,
  conv,
  crop,
  defineConfig,
  dense,
  flip,
  globalAveragePool,
  maxPool,
  relu,
  residual,
  sequential,
} from 'attar/config'

const norm = () => [batchNorm(), relu()]
const conv3 = (channels: number) => conv(channels, 3, { bias: false })

export default defineConfig({
  network: sequential([
    ...[conv3(16), maxPool(2), ...norm()],
    ...[conv3(32), maxPool(2), ...norm()],
    ...[conv3(44), ...norm()],
    residual([conv3(44), ...norm()]),
    residual([conv3(44), ...norm()]),
    ...[globalAveragePool(), dense(10)],
  ]),
  input: [28, 28, 1],
  preprocess: { mean: [0.286], std: [0.353] },
  augment: [flip('horizontal'), crop({ padding: 1 })],
  data: { val: '3%' },
  train: {
    epochs: 20,
    batch: 64,
    optimizer: { name: 'sgd', momentum: 0.9, nesterov: true, weightDecay: 0.0005 },
    learningRate: 0.1,
    schedule: 'one-cycle',
    // 1,800 pictures to validate with are too few to choose one of these epochs by.
    keep: 'last',
  },
})
