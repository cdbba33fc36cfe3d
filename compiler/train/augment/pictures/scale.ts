import { exp, log } from '../../../core/math/index.ts'
import type { Augmentation, PictureLayout } from '../augmentation.ts'
import { between } from '../random.ts'
import { warp } from './warp.ts'

export interface ScaleOptions {
  /** Sizes are between 1 / (1 + by) and 1 + by of what they were. */
  readonly by: number
}

/** Makes what is in a picture larger or smaller. */
export const scale = ({ by }: ScaleOptions): Augmentation<PictureLayout> => ({
  name: `scale ${by}`,
  of: 'picture',
  apply(pixels, layout, random) {
    const factor = exp(between(random, -1, 1) * log(1 + by))
    return warp(pixels, layout, { a: 1 / factor, d: 1 / factor })
  },
})
