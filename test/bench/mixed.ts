import { tensorOf } from '../../compiler/core/tensor.ts'
import { node, stored, type GraphText } from '../onnx/build.ts'

const range = (count: number, of: (i: number) => number): number[] => Array.from({ length: count }, (_, i) => of(i))

/** A product of integers, 4 · 64 · 32 multiply-accumulates, and one of floats behind it, 4 · 32 · 8. */
export const mixed: GraphText = {
  inputs: ['x u8[4,64]'],
  outputs: ['y f32[4,8]'],
  nodes: [
    'sums = MatMulInteger(x, w)',
    node('floats = Cast(sums)', { attributes: { to: 1 } }),
    'y = MatMul(floats, v)',
  ],
  initializers: [
    stored(
      'w',
      tensorOf(
        'i8',
        [64, 32],
        range(64 * 32, (i) => ((i * 37) % 255) - 127),
      ),
    ),
    stored(
      'v',
      tensorOf(
        'f32',
        [32, 8],
        range(32 * 8, (i) => (i % 9) - 4),
      ),
    ),
  ],
}

export const mixedMacs = { integer: 4 * 64 * 32, float: 4 * 32 * 8 }
