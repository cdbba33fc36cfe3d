import { tensorOf } from '../../compiler/core/tensor.ts'
import { node, stored, type GraphText } from '../onnx/build.ts'
import { Random } from '../support/random.ts'
import { randomTensor } from '../support/run-graph.ts'

const random = new Random(21)
const weights = (name: string, ...shape: number[]) => stored(name, randomTensor(random, 'f32', shape))

/** Convolutions beside a sum, a pool with padding that TensorFlow has no word for, and a concatenation. */
export const residual: GraphText = {
  inputs: ['x f32[1,3,12,12]'],
  outputs: ['y f32[1,10]'],
  nodes: [
    ...[node('c1 = Conv(x, w1, b1)', { attributes: { pads: [1, 1, 1, 1] } }), 'r1 = Relu(c1)'],
    node('p = MaxPool(r1)', { attributes: { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] } }),
    node('d = Conv(p, wd, b1)', { attributes: { pads: [1, 1, 1, 1], group: 8 } }),
    ...['e = Clip(d, zero, six)', 'c2 = Conv(e, w2)', 's = Add(c2, p)', 'r2 = Relu(s)'],
    ...['c3 = Conv(r2, w3)', 'r3 = Relu(c3)', node('j = Concat(r2, r3)', { attributes: { axis: 1 } })],
    ...['c4 = Conv(j, w4)', 'r4 = Relu(c4)', 'g = GlobalAveragePool(r4)', 'f = Flatten(g)', 'y = Gemm(f, w5)'],
  ],
  initializers: [
    ...[weights('w1', 8, 3, 3, 3), weights('b1', 8), weights('wd', 8, 1, 3, 3), weights('w2', 8, 8, 1, 1)],
    ...[weights('w3', 8, 8, 1, 1), weights('w4', 16, 16, 1, 1), weights('w5', 16, 10)],
    ...[stored('zero', tensorOf('f32', [], [0])), stored('six', tensorOf('f32', [], [6]))],
  ],
}
