import type { Augmentation, PictureLayout } from '../augmentation.ts'
import { between, normal } from '../random.ts'

export interface NoiseOptions {
  /** The largest standard deviation, as a share of the way from black to white. Each picture has another one. */
  readonly deviation: number
}

/** Adds normal noise to each channel of each pixel. */
export const noise = ({ deviation }: NoiseOptions): Augmentation<PictureLayout> => ({
  name: `noise ${deviation}`,
  of: 'picture',
  apply(pixels, { black, white }, random) {
    const sigma = between(random, 0, deviation) * (white[0]! - black[0]!)
    return pixels.map((value) => value + sigma * normal(random))
  },
})
