import {
  batchNorm,
  colorJitter,
  conv,
  crop,
  defineConfig,
  dense,
  flip,
  globalAveragePool,
  maxPool,
  relu,
  sequential,
} from 'attar/config'

const block = (channels: number) => [conv(channels, 3, { bias: false }), batchNorm(), relu()]

export default defineConfig((trial) => {
  const width = trial.int('width', 8, 32, { step: 8, default: 16 })
  return {
    network: sequential([
      ...block(width),
      maxPool(2),
      ...block(2 * width),
      maxPool(2),
      ...block(4 * width),
      globalAveragePool(),
      dense(2),
    ]),
    input: [32, 32, 3],
    names: { input: 'photo', output: 'probabilities' },
    preprocess: { fit: 'crop' },
    data: { train: 'pictures/train', val: '20%', test: 'pictures/test' },
    augment: [
      // A mirrored cat is a cat.
      flip('horizontal'),
      crop({ padding: trial.int('crop', 1, 6, { default: 4 }) }),
      colorJitter({ brightness: 0.2, contrast: 0.2 }),
    ],
    train: {
      epochs: 40,
      learningRate: trial.float('rate', 1e-3, 3e-2, { log: true, default: 5e-3 }),
      optimizer: { name: 'adamw', weightDecay: trial.float('decay', 1e-3, 1, { log: true, default: 0.05 }) },
    },
    tune: { trials: 30, objectives: ['accuracy', 'bytes'] },
    output: 'out',
  }
})
