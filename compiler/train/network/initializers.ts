import { cos, log } from '../../core/math/index.ts'
import { elementCount, type Shape } from '../../core/shape.ts'
import { tensor, type Tensor } from '../../core/tensor.ts'
import { randomBits } from '../../core/random/philox.ts'

/** How many inputs a weight's output sums over, and how many outputs its input goes into. */
export interface Fan {
  readonly inputs: number
  readonly outputs: number
}

type Draw = (fan: Fan, random: Random) => number

interface Random {
  /** In [0, 1). */
  uniform(): number
  /** Mean 0, deviation 1. */
  normal(): number
}

const normal =
  (deviation: (fan: Fan) => number): Draw =>
  (fan, random) =>
    deviation(fan) * random.normal()
const uniform =
  (bound: (fan: Fan) => number): Draw =>
  (fan, random) =>
    bound(fan) * (2 * random.uniform() - 1)

/** How the elements of a new parameter are drawn, by the names that Keras and PyTorch have for them. */
export const initializers = {
  zeros: () => 0,
  ones: () => 1,
  /** He et al., 2015: for layers before relu. */
  'he-normal': normal(({ inputs }) => Math.sqrt(2 / inputs)),
  'he-uniform': uniform(({ inputs }) => Math.sqrt(6 / inputs)),
  /** Glorot & Bengio, 2010: for layers before tanh and sigmoid. */
  'glorot-normal': normal(({ inputs, outputs }) => Math.sqrt(2 / (inputs + outputs))),
  'glorot-uniform': uniform(({ inputs, outputs }) => Math.sqrt(6 / (inputs + outputs))),
  /** LeCun et al., 1998. */
  'lecun-normal': normal(({ inputs }) => Math.sqrt(1 / inputs)),
  /** For embeddings of transformers. */
  'normal-0.02': normal(() => 0.02),
} satisfies Record<string, Draw>

export type Initializer = keyof typeof initializers

/** A tensor whose elements are a function of initializer, seed and the number of the parameter. */
export function initialize(name: Initializer, shape: Shape, fan: Fan, seed: number, place: number): Tensor {
  const data = new Float32Array(elementCount(shape))
  let [i, at, spare] = [0, 4, 0]
  let bits: readonly number[] = []
  const uniform = (): number => {
    if (at === 4)
      [bits, at] = [randomBits([i++, place, 0, 0x696e6974], [seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0]), 0]
    return bits[at++]! / 2 ** 32
  }
  let hasSpare = false
  // Box & Muller, 1958: two at a time. The logarithm is never of 0.
  const normal = (): number => {
    hasSpare = !hasSpare
    if (!hasSpare) return spare
    const radius = Math.sqrt(-2 * log(1 - uniform()))
    const angle = 2 * Math.PI * uniform()
    spare = radius * cos(angle - Math.PI / 2)
    return radius * cos(angle)
  }
  const draw: Draw = initializers[name]
  for (let k = 0; k < data.length; k++) data[k] = draw(fan, { uniform, normal })
  return tensor('f32', shape, data)
}
