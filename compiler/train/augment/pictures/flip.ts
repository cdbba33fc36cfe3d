import type { Augmentation, PictureLayout } from '../augmentation.ts'
import { withPixels } from './pixels.ts'

/** Mirrors every second picture, left to right or top to bottom. */
export const flip = (direction: 'horizontal' | 'vertical'): Augmentation<PictureLayout> => ({
  name: `flip ${direction}`,
  of: 'picture',
  apply(pixels, layout, random) {
    if (random() < 0.5) return pixels
    const { height, width } = layout
    return withPixels(pixels, layout, (y, x) => (direction === 'horizontal' ? [y, width - 1 - x] : [height - 1 - y, x]))
  },
})
