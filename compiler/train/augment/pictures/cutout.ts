import type { Augmentation, PictureLayout } from '../augmentation.ts'
import { below } from '../random.ts'

export interface CutoutOptions {
  /** Pixels along each side of the square. */
  readonly size: number
}

/** Covers a square anywhere with mid gray, at the edge a part of it (DeVries & Taylor, 2017). */
export const cutout = ({ size }: CutoutOptions): Augmentation<PictureLayout> => ({
  name: `cutout ${size}`,
  of: 'picture',
  apply(pixels, { height, width, channels, strides, black, white }, random) {
    const [top, left] = [below(random, height), below(random, width)].map((at) => at - (size >> 1)) as [number, number]
    const result = pixels.slice()
    for (let y = Math.max(0, top); y < Math.min(height, top + size); y++)
      for (let x = Math.max(0, left); x < Math.min(width, left + size); x++)
        for (let c = 0; c < channels; c++)
          result[y * strides.row + x * strides.column + c * strides.channel] = (black[c]! + white[c]!) / 2
    return result
  },
})
