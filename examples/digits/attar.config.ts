import {
  batchNorm,
  conv,
  crop,
  defineConfig,
  dense,
  flatten,
  maxPool,
  relu,
  rescaling,
  reshape,
  sequential,
} from 'attar/config'

/** A convolution without a bias of its own: the normalization's follows. */
const block = (channels: number) => [conv(channels, 3, { bias: false }), batchNorm(), relu()]

export default defineConfig({
  network: sequential([
    reshape([28, 28, 1]),
    rescaling(1 / 255),
    ...block(8),
    maxPool(2),
    ...block(16),
    maxPool(2),
    ...block(16),
    flatten(),
    dense(10),
  ]),
  input: [1, 28, 28],
  names: { input: 'image', output: 'probabilities' },
  classes: ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'],
  // data.ts writes these.
  data: {
    train: 'out/train-images-idx3-ubyte',
    val: 'out/val-images-idx3-ubyte',
    test: 'out/test-images-idx3-ubyte',
  },
  preprocess: { layout: 'NCHW', scale: 1 },
  augment: [crop({ padding: 1 })],
  train: { epochs: 10, batch: 32, optimizer: 'adamw', learningRate: 0.01 },
  output: 'out',
  seed: 2024,
})
