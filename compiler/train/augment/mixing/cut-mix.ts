import type { Mixing, PictureLayout } from '../augmentation.ts'
import { below } from '../random.ts'
import { beta } from './beta.ts'

export interface CutMixOptions {
  /** The shares of the area are of the distribution Beta(α, α); 1, all alike, unless it is given. */
  readonly alpha?: number
  /** The share of pictures that are mixed; 1 unless it is given. */
  readonly probability?: number
}

/** A rectangle of another picture in the place that it has there; targets are mixed by the area (Yun et al., 2019). */
export const cutMix = ({ alpha = 1, probability = 1 }: CutMixOptions = {}): Mixing<PictureLayout> => ({
  name: `cutMix ${alpha} ${probability}`,
  of: 'picture',
  probability,
  mix(pixels, other, { height, width, channels, strides }, random) {
    const side = Math.sqrt(1 - beta(random, alpha))
    const [top, bottom] = cut(height, side, below(random, height))
    const [left, right] = cut(width, side, below(random, width))
    const values = pixels.slice()
    for (let y = top; y < bottom; y++)
      for (let x = left; x < right; x++)
        for (let c = 0; c < channels; c++) {
          const at = y * strides.row + x * strides.column + c * strides.channel
          values[at] = other[at]!
        }
    return { values, share: 1 - ((bottom - top) * (right - left)) / (height * width) }
  },
})

/** A range around `middle` of a share `side` of `length`, at the edges a part of it. */
function cut(length: number, side: number, middle: number): [from: number, to: number] {
  const half = Math.floor(Math.floor(length * side) / 2)
  return [Math.max(0, middle - half), Math.min(length, middle + half)]
}
