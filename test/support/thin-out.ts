import { elementCount } from '../../compiler/core/shape.ts'
import type { Tensor } from '../../compiler/core/tensor.ts'
import type { Random } from './random.ts'

/** Makes a share of weights [outputs, …] zero, the same for `together` neighbouring outputs. */
export function thinOut(random: Random, weights: Tensor, share: number, together: number): Tensor {
  const inner = elementCount(weights.shape.slice(1))
  const kept = Array.from({ length: Math.ceil(weights.shape[0]! / together) * inner }, () => random.float() >= share)
  weights.data.forEach((_, i) => {
    if (!kept[Math.floor(i / inner / together) * inner + (i % inner)]) weights.data[i] = 0
  })
  return weights
}
