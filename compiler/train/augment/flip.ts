import type { Augmentation } from './augmentation.ts'

/** Mirrors every second picture, left to right or top to bottom. */
export const flip = (direction: 'horizontal' | 'vertical'): Augmentation => ({
  name: `flip ${direction}`,
  apply(pixels, { height, width, channels, strides }, random) {
    if (random() < 0.5) return pixels
    const result = new Float32Array(pixels.length)
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const [fromY, fromX] = direction === 'horizontal' ? [y, width - 1 - x] : [height - 1 - y, x]
        const to = y * strides.row + x * strides.column
        const from = fromY * strides.row + fromX * strides.column
        for (let c = 0; c < channels; c++) result[to + c * strides.channel] = pixels[from + c * strides.channel]!
      }
    }
    return result
  },
})
