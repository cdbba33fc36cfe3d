import { cos, sin } from '../../../core/math/index.ts'
import type { Augmentation, PictureLayout } from '../augmentation.ts'
import { between } from '../random.ts'
import { warp, type Affine } from './warp.ts'

export interface RotateOptions {
  /** The largest angle, either way. */
  readonly degrees: number
}

export function rotation(degrees: number): Affine {
  const angle = (degrees * Math.PI) / 180
  return { a: cos(angle), b: -sin(angle), c: sin(angle), d: cos(angle) }
}

/** Turns pictures around their centre. */
export const rotate = ({ degrees }: RotateOptions): Augmentation<PictureLayout> => ({
  name: `rotate ${degrees}`,
  of: 'picture',
  apply: (pixels, layout, random) => warp(pixels, layout, rotation(between(random, -degrees, degrees))),
})
