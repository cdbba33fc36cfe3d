import { permutation } from '../../core/random/random.ts'
import { randomOf } from '../random.ts'
import { fromShare } from '../space.ts'
import type { Sampler } from './sampler.ts'

/**
 * A Latin hypercube (McKay, Beckman & Conover, 1979) of `count` points: of each parameter's range cut into `count` parts, each part has one
 * of the trials `first` … `first` + `count` − 1.
 */
export const latinSampler =
  (first: number, count: number): Sampler =>
  ({ space, number, seed, random }) =>
    Object.fromEntries(
      [...space].map(([name, { domain }], i) => {
        const part = permutation(randomOf(seed, i, 1), count)[number - first]!
        return [name, fromShare(domain, (part + random()) / count)]
      }),
    )
