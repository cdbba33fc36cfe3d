import { tensorOf } from '../../compiler/core/tensor.ts'
import { node, stored, type GraphText } from '../onnx/build.ts'

/** Numbers between -1 and 1 in an order that repeats late. */
const weights = (name: string, ...shape: number[]) => {
  const count = shape.reduce((product, d) => product * d, 1)
  const values = Array.from({ length: count }, (_, i) => (((i * 37 + name.length * 11) % 101) - 50) / 50)
  return stored(name, tensorOf('f32', shape, values))
}

const conv = (text: string, attributes: Record<string, number | readonly number[]>) => node(text, { attributes })

/** An image classifier with what such models have: all kinds of convolution, residuals, pools, a dense layer and a softmax. */
export const classifier: GraphText = {
  inputs: ['x f32[1,3,9,9]'],
  outputs: ['y f32[1,5]'],
  nodes: [
    conv('c1 = Conv(x, w1, b1)', { pads: [1, 1, 1, 1], strides: [2, 2] }),
    'r1 = Clip(c1, zero, six)',
    conv('d = Conv(r1, wd)', { pads: [1, 1, 1, 1], group: 4 }),
    'h = HardSwish(d)',
    'c2 = Conv(h, w2)',
    's = Add(c2, r1)',
    'r2 = Relu(s)',
    conv('p = MaxPool(r2)', { kernel_shape: [2, 2], strides: [1, 1] }),
    conv('e = Conv(p, w3, b3)', { pads: [1, 1, 0, 0], strides: [2, 2] }),
    'n = Sigmoid(e)',
    'g = GlobalAveragePool(n)',
    'f = Flatten(g)',
    'l = Gemm(f, w4, b4)',
    'y = Softmax(l)',
  ],
  initializers: [
    stored('zero', tensorOf('f32', [], [0])),
    stored('six', tensorOf('f32', [], [6])),
    weights('w1', 4, 3, 3, 3),
    weights('b1', 4),
    weights('wd', 4, 1, 3, 3),
    weights('w2', 4, 4, 1, 1),
    weights('w3', 6, 4, 2, 2),
    weights('b3', 6),
    weights('w4', 6, 5),
    weights('b4', 5),
  ],
}
