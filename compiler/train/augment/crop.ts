import type { Augmentation } from './augmentation.ts'

export interface CropOptions {
  /** Pixels by which a picture is moved at most, up or down and left or right. */
  readonly padding: number
}

/** Pads with zeros on all sides and cuts out a picture of the old size anywhere (He et al., 2016, for CIFAR). */
export const crop = ({ padding }: CropOptions): Augmentation => ({
  name: `crop ${padding}`,
  apply(pixels, { height, width, channels, strides }, random) {
    const shift = (): number => Math.floor(random() * (2 * padding + 1)) - padding
    const [down, right] = [shift(), shift()]
    const result = new Float32Array(pixels.length)
    for (let y = Math.max(0, -down); y < Math.min(height, height - down); y++) {
      for (let x = Math.max(0, -right); x < Math.min(width, width - right); x++) {
        const to = y * strides.row + x * strides.column
        const from = (y + down) * strides.row + (x + right) * strides.column
        for (let c = 0; c < channels; c++) result[to + c * strides.channel] = pixels[from + c * strides.channel]!
      }
    }
    return result
  },
})
