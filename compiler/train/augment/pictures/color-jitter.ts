import type { Augmentation, PictureLayout } from '../augmentation.ts'
import { between } from '../random.ts'
import { contrasted, lightened, saturated } from './tones.ts'

export interface ColorJitterOptions {
  /** Each: a factor between 1 − it and 1 + it. */
  readonly brightness?: number
  readonly contrast?: number
  readonly saturation?: number
}

/** Changes brightness, contrast and saturation, in this order (Krizhevsky et al., 2012; torchvision's ColorJitter). */
export const colorJitter = ({ brightness = 0, contrast = 0, saturation = 0 }: ColorJitterOptions) =>
  ({
    name: `colorJitter ${brightness} ${contrast} ${saturation}`,
    of: 'picture',
    apply(pixels, layout, random) {
      const factor = (by: number): number => Math.max(0, between(random, 1 - by, 1 + by))
      const [b, c, s] = [factor(brightness), factor(contrast), factor(saturation)]
      return saturated(contrasted(lightened(pixels, layout, b), layout, c), layout, s)
    },
  }) satisfies Augmentation<PictureLayout>
