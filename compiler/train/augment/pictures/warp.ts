import type { PictureLayout } from '../augmentation.ts'

/** Where a pixel comes from, (x, y) to (a x + b y + left, c x + d y + top), from the picture's centre on. */
export interface Affine {
  readonly a?: number
  readonly b?: number
  readonly c?: number
  readonly d?: number
  readonly left?: number
  readonly top?: number
}

/** A picture seen through an affine map, its pixels mixed of the four that are nearest (bilinear); black is around it. */
export function warp(pixels: Float32Array, layout: PictureLayout, affine: Affine): Float32Array {
  const { a = 1, b = 0, c = 0, d = 1, left = 0, top = 0 } = affine
  const { height, width, channels, strides, black } = layout
  const [middleX, middleY] = [(width - 1) / 2, (height - 1) / 2]
  const result = new Float32Array(pixels.length)
  const at = (y: number, x: number, channel: number): number =>
    y < 0 || y >= height || x < 0 || x >= width
      ? black[channel]!
      : pixels[y * strides.row + x * strides.column + channel * strides.channel]!
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const u = a * (x - middleX) + b * (y - middleY) + left + middleX
      const v = c * (x - middleX) + d * (y - middleY) + top + middleY
      const [x0, y0] = [Math.floor(u), Math.floor(v)]
      const [right, down] = [u - x0, v - y0]
      const to = y * strides.row + x * strides.column
      for (let k = 0; k < channels; k++) {
        const above = at(y0, x0, k) * (1 - right) + at(y0, x0 + 1, k) * right
        const below = at(y0 + 1, x0, k) * (1 - right) + at(y0 + 1, x0 + 1, k) * right
        result[to + k * strides.channel] = above * (1 - down) + below * down
      }
    }
  }
  return result
}
