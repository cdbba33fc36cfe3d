import type { Sample } from '../../compiler/train/index.ts'
import { trainableNetwork, sequential, type Layer } from '../../compiler/train/network/index.ts'
import { Random } from '../support/random.ts'

export const networkOf = (layers: readonly Layer[], shape: readonly number[] = [8, 8, 3]) =>
  trainableNetwork(sequential(layers), { input: { dtype: 'f32', shape }, activation: 'softmax', seed: 3 })

/** Noise with a brighter part, whose place is the class. */
export function spots(count: number, seed: number, shape: readonly number[] = [8, 8, 3], classes = 3): Sample[] {
  const random = new Random(seed)
  const size = shape.reduce((product, d) => product * d, 1)
  return Array.from({ length: count }, (_, i) => {
    const label = i % classes
    const bright = (at: number): boolean => Math.floor((at * classes) / size) === label
    const input = Float32Array.from({ length: size }, (_, at) => 2 * random.float() - 1 + (bright(at) ? 0.6 : 0))
    return { inputs: { input }, target: [label] }
  })
}
