import type { PictureLayout } from '../augmentation.ts'

/** ITU-R BT.601 luma of red, green and blue. */
const luma = [0.299, 0.587, 0.114] as const

/** Numbers from 0 (black) to 1 (white) for each pixel, channel by channel, and back into a picture, cut off there. */
function mapped(
  pixels: Float32Array,
  layout: PictureLayout,
  to: (channels: Float64Array, gray: number) => void,
): Float32Array {
  const { height, width, channels, strides, black, white } = layout
  const result = new Float32Array(pixels.length)
  const unit = new Float64Array(channels)
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = y * strides.row + x * strides.column
      for (let c = 0; c < channels; c++)
        unit[c] = (pixels[at + c * strides.channel]! - black[c]!) / (white[c]! - black[c]!)
      to(unit, grayOf(unit))
      for (let c = 0; c < channels; c++)
        result[at + c * strides.channel] = black[c]! + (white[c]! - black[c]!) * Math.min(1, Math.max(0, unit[c]!))
    }
  }
  return result
}

const grayOf = (unit: Float64Array): number =>
  unit.length === 3 ? luma.reduce((sum, w, c) => sum + w * unit[c]!, 0) : unit.reduce((a, b) => a + b, 0) / unit.length

/** Moved away from `from(gray)` by a factor. */
const stretched = (
  pixels: Float32Array,
  layout: PictureLayout,
  factor: number,
  from: (gray: number) => number,
): Float32Array =>
  factor === 1
    ? pixels
    : mapped(pixels, layout, (unit, gray) => {
        const origin = from(gray)
        for (let c = 0; c < unit.length; c++) unit[c] = origin + (unit[c]! - origin) * factor
      })

/** Brightness: all is moved away from black. */
export const lightened = (pixels: Float32Array, layout: PictureLayout, factor: number): Float32Array =>
  stretched(pixels, layout, factor, () => 0)

/** Saturation: all is moved away from its own gray. */
export const saturated = (pixels: Float32Array, layout: PictureLayout, factor: number): Float32Array =>
  layout.channels === 1 ? pixels : stretched(pixels, layout, factor, (gray) => gray)

/** Contrast: all is moved away from the picture's mean gray. */
export function contrasted(pixels: Float32Array, layout: PictureLayout, factor: number): Float32Array {
  if (factor === 1) return pixels
  let sum = 0
  mapped(pixels, layout, (_, gray) => void (sum += gray))
  const mean = sum / (layout.height * layout.width)
  return stretched(pixels, layout, factor, () => mean)
}
