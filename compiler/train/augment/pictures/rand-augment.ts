import { log } from '../../../core/math/index.ts'
import type { Augmentation, PictureLayout } from '../augmentation.ts'
import { below, type Random } from '../random.ts'
import { rotation } from './rotate.ts'
import { contrasted, lightened, saturated } from './tones.ts'
import { warp } from './warp.ts'

export interface RandAugmentOptions {
  /** Changes for each picture; 2 unless it is given. */
  readonly count?: number
  /** Their strength, from 0 to 10; by the model's size unless it is given. */
  readonly magnitude?: number
}

type Change = (pixels: Float32Array, layout: PictureLayout, strength: number) => Float32Array

/** Changes with the ranges of the paper, `strength` from −1 to 1. None mirrors, which would make other digits and letters. */
const changes: readonly Change[] = [
  (pixels) => pixels,
  (pixels, layout, s) => warp(pixels, layout, rotation(30 * s)),
  (pixels, layout, s) => warp(pixels, layout, { b: 0.3 * s }),
  (pixels, layout, s) => warp(pixels, layout, { c: 0.3 * s }),
  (pixels, layout, s) => warp(pixels, layout, { left: 0.45 * s * layout.width }),
  (pixels, layout, s) => warp(pixels, layout, { top: 0.45 * s * layout.height }),
  (pixels, layout, s) => lightened(pixels, layout, 1 + 0.9 * s),
  (pixels, layout, s) => contrasted(pixels, layout, 1 + 0.9 * s),
  (pixels, layout, s) => saturated(pixels, layout, 1 + 0.9 * s),
]

/**
 * A few changes drawn from a list, all of one strength (Cubuk et al., 2020, whose best strength grows with the logarithm of a
 * network's width). Unless it is given it is 1 for 20,000 parameters, 5 for a million, and 10 from a hundred million on.
 */
export const randAugment = ({ count = 2, magnitude }: RandAugmentOptions = {}): Augmentation<PictureLayout> => ({
  name: `randAugment ${count} ${magnitude ?? 'auto'}`,
  of: 'picture',
  apply(pixels, layout, random, parameters) {
    const strength = (magnitude ?? magnitudeFor(parameters)) / 10
    const sign = (r: Random): number => (r() < 0.5 ? -1 : 1)
    let result = pixels
    for (let i = 0; i < count; i++)
      result = changes[below(random, changes.length)]!(result, layout, sign(random) * strength)
    return result
  },
})

export const magnitudeFor = (parameters: number): number =>
  Math.min(10, Math.max(0.5, 1 + (2.4 * log(parameters / 20_000)) / Math.LN10))
