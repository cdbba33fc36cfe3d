import type { PictureLayout } from '../augmentation.ts'

/** A picture whose pixel (y, x) is the one at `from(y, x)`; black where that is outside. */
export function withPixels(
  pixels: Float32Array,
  { height, width, channels, strides, black }: PictureLayout,
  from: (y: number, x: number) => readonly [y: number, x: number],
): Float32Array {
  const result = new Float32Array(pixels.length)
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [v, u] = from(y, x)
      const inside = v >= 0 && v < height && u >= 0 && u < width
      const to = y * strides.row + x * strides.column
      const at = v * strides.row + u * strides.column
      for (let c = 0; c < channels; c++)
        result[to + c * strides.channel] = inside ? pixels[at + c * strides.channel]! : black[c]!
    }
  }
  return result
}
