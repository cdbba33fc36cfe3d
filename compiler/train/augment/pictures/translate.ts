import type { Augmentation, PictureLayout } from '../augmentation.ts'
import { between } from '../random.ts'
import { warp } from './warp.ts'

export interface TranslateOptions {
  /** The largest shift, as a share of the picture's height and width. */
  readonly by: number
}

/** Moves pictures, by parts of pixels too. */
export const translate = ({ by }: TranslateOptions): Augmentation<PictureLayout> => ({
  name: `translate ${by}`,
  of: 'picture',
  apply: (pixels, layout, random) =>
    warp(pixels, layout, {
      left: between(random, -by, by) * layout.width,
      top: between(random, -by, by) * layout.height,
    }),
})
