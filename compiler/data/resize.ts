import type { Image } from './image.ts'

/**
 * Filters of resizing. Pixels are squares: the centre of pixel i is at i + ½. `nearest` takes the pixel under the centre,
 * `bilinear` weighs the two nearest in each direction, `antialias` weighs all that a triangle as wide as two of the target's
 * pixels covers, which is what Pillow calls BILINEAR.
 */
export const filters = ['nearest', 'bilinear', 'antialias'] as const
export type Filter = (typeof filters)[number]

/** How a picture of other proportions is fitted: stretched, or cut to the target's proportions around its centre. */
export const fits = ['stretch', 'crop'] as const
export type Fit = (typeof fits)[number]

/** For a target pixel: the first source pixel that counts, and the weights from there on, whose sum is 1. */
interface Taps {
  readonly first: number
  readonly weights: readonly number[]
}

function tapsFor(filter: Filter, from: number, start: number, length: number, to: number): Taps[] {
  const step = length / to
  return Array.from({ length: to }, (_, i): Taps => {
    const centre = start + (i + 0.5) * step
    const inside = (x: number): number => Math.min(from - 1, Math.max(0, x))
    if (filter === 'nearest') return { first: inside(Math.floor(centre)), weights: [1] }
    const support = filter === 'antialias' ? Math.max(1, step) : 1
    // A pixel beyond the border counts as the one at the border when two are mixed, and not at all under a triangle.
    const clamp = filter === 'bilinear'
    const low = Math.floor(centre - support)
    const high = Math.ceil(centre + support)
    const weights = new Map<number, number>()
    for (let x = low; x <= high; x++) {
      const weight = 1 - Math.abs(x + 0.5 - centre) / support
      if (weight <= 0 || (!clamp && (x < 0 || x >= from))) continue
      weights.set(inside(x), (weights.get(inside(x)) ?? 0) + weight)
    }
    const sum = [...weights.values()].reduce((a, b) => a + b, 0)
    return { first: Math.min(...weights.keys()), weights: [...weights.values()].map((w) => w / sum) }
  })
}

/** The picture in another size, as numbers of 0 to 255, in the order of the picture's own. */
export function resize(image: Image, width: number, height: number, filter: Filter, fit: Fit): Float64Array {
  const { channels, data } = image
  // Of the same size, each pixel is under one centre, with a weight of 1 under every filter.
  if (image.width === width && image.height === height) return Float64Array.from(data)
  const scale = Math.min(image.width / width, image.height / height)
  const [spanX, spanY] = fit === 'crop' ? [scale * width, scale * height] : [image.width, image.height]
  const across = tapsFor(filter, image.width, (image.width - spanX) / 2, spanX, width)
  const down = tapsFor(filter, image.height, (image.height - spanY) / 2, spanY, height)
  const rows = new Float64Array(image.height * width * channels)
  for (let y = 0; y < image.height; y++) {
    for (const [x, { first, weights }] of across.entries()) {
      for (let c = 0; c < channels; c++) {
        let sum = 0
        for (const [k, w] of weights.entries()) sum += w * data[(y * image.width + first + k) * channels + c]!
        rows[(y * width + x) * channels + c] = sum
      }
    }
  }
  const result = new Float64Array(height * width * channels)
  const rowLength = width * channels
  for (const [y, { first, weights }] of down.entries()) {
    for (let i = 0; i < rowLength; i++) {
      let sum = 0
      for (const [k, w] of weights.entries()) sum += w * rows[(first + k) * rowLength + i]!
      result[y * rowLength + i] = sum
    }
  }
  return result
}
