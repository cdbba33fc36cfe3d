import { crop, defineConfig, flip } from 'attar/config'

export default defineConfig({
  model: 'teacher/model.onnx',
  augment: [flip('horizontal'), crop({ padding: 1 })],
  data: { val: '3%' },
  prune: { params: '75%' },
  // It learns from what it was before, beside the labels.
  distill: {},
  train: {
    epochs: 1,
    batch: 64,
    optimizer: { name: 'sgd', momentum: 0.9, nesterov: true, weightDecay: 0.0005 },
    learningRate: 0.01,
    schedule: 'one-cycle',
  },
})
