import type { Augmentation, PictureLayout } from '../augmentation.ts'
import { below } from '../random.ts'
import { withPixels } from './pixels.ts'

export interface CropOptions {
  /** Pixels by which a picture is moved at most, up or down and left or right. */
  readonly padding: number
}

/** Pads with black on all sides and cuts out a picture of the old size anywhere (He et al., 2016, for CIFAR). */
export const crop = ({ padding }: CropOptions): Augmentation<PictureLayout> => ({
  name: `crop ${padding}`,
  of: 'picture',
  apply(pixels, layout, random) {
    const shift = (): number => below(random, 2 * padding + 1) - padding
    const [down, right] = [shift(), shift()]
    return withPixels(pixels, layout, (y, x) => [y + down, x + right])
  },
})
