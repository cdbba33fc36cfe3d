import { tan } from '../../../core/math/index.ts'
import type { Augmentation, PictureLayout } from '../augmentation.ts'
import { between } from '../random.ts'
import { warp } from './warp.ts'

export interface ShearOptions {
  /** The largest angle by which upright lines lean, either way. */
  readonly degrees: number
}

/** Makes pictures lean to the left or to the right. */
export const shear = ({ degrees }: ShearOptions): Augmentation<PictureLayout> => ({
  name: `shear ${degrees}`,
  of: 'picture',
  apply: (pixels, layout, random) =>
    warp(pixels, layout, { b: tan((between(random, -degrees, degrees) * Math.PI) / 180) }),
})
