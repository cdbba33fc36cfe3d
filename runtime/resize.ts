/** Pixels row by row: red, green, blue and perhaps others, or gray and perhaps others, of `data.length / (width · height)` bytes each. */
export interface Pixels {
  readonly width: number
  readonly height: number
  readonly data: ArrayLike<number>
}

/**
 * Filters of resizing. Pixels are squares: the centre of pixel i is at i + ½. `nearest` takes the pixel under the centre,
 * `bilinear` weighs the two nearest in each direction, `antialias` weighs all that a triangle as wide as two of the target's
 * pixels covers, which is what Pillow calls BILINEAR.
 */
export type Filter = 'nearest' | 'bilinear' | 'antialias'

/**
 * How a picture of other proportions is fitted: stretched, cut to the target's proportions around its centre, or as a whole in the middle of a gray
 * target (`letterbox`).
 */
export type Fit = 'stretch' | 'crop' | 'letterbox'

/** What a letterbox holds beside the picture: the gray of YOLO's. */
const gray = 114

interface Size {
  readonly width: number
  readonly height: number
}

/** Where a letterbox of this size has the picture, in whole pixels. What is odd is right of it and below. */
export function letterboxed(
  picture: Size,
  { width, height }: Size,
): Size & { readonly left: number; readonly top: number } {
  const scale = Math.min(width / picture.width, height / picture.height)
  const inside = (length: number, most: number): number => Math.min(most, Math.max(1, Math.round(length * scale)))
  const [w, h] = [inside(picture.width, width), inside(picture.height, height)]
  return { left: (width - w) >> 1, top: (height - h) >> 1, width: w, height: h }
}

/** For a target pixel: the first source pixel that counts, and the weights from there on, whose sum is 1. */
type Taps = readonly [first: number, weights: Float64Array]

/** The target's pixels lie over `length` of `from` source pixels, in the middle. */
function tapsFor(filter: Filter, from: number, length: number, to: number): Taps[] {
  const step = length / to
  const start = (from - length) / 2
  const inside = (x: number): number => Math.min(from - 1, Math.max(0, x))
  return Array.from({ length: to }, (_, i): Taps => {
    const centre = start + (i + 0.5) * step
    if (filter === 'nearest') return [inside(Math.floor(centre)), Float64Array.of(1)]
    // A pixel beyond the border counts as the one at the border when two are mixed, and not at all under a triangle.
    const clamp = filter === 'bilinear'
    const support = clamp ? 1 : Math.max(1, step)
    const weights: number[] = []
    let first = 0
    let sum = 0
    for (let x = Math.floor(centre - support); x <= Math.ceil(centre + support); x++) {
      const weight = 1 - Math.abs(x + 0.5 - centre) / support
      if (weight <= 0 || (!clamp && x !== inside(x))) continue
      if (weights.length === 0) first = inside(x)
      const at = inside(x) - first
      weights[at] = (weights[at] ?? 0) + weight
    }
    for (const weight of weights) sum += weight
    return [first, Float64Array.from(weights, (weight) => weight / sum)]
  })
}

/** A row of the picture, which starts at byte `start`, in the target's width. The channels go side by side: one after another took twice the time. */
function readRow(data: ArrayLike<number>, start: number, pixelBytes: number, across: Taps[], row: Float64Array): void {
  const isGray = row.length === across.length
  for (let x = 0; x < across.length; x++) {
    const [first, weights] = across[x]!
    let from = start + first * pixelBytes
    let r = 0
    let g = 0
    let b = 0
    if (isGray) {
      for (let k = 0; k < weights.length; k++, from += pixelBytes) r += weights[k]! * data[from]!
      row[x] = r
      continue
    }
    for (let k = 0; k < weights.length; k++, from += pixelBytes) {
      const weight = weights[k]!
      r += weight * data[from]!
      g += weight * data[from + 1]!
      b += weight * data[from + 2]!
    }
    row[x * 3] = r
    row[x * 3 + 1] = g
    row[x * 3 + 2] = b
  }
}

/**
 * The picture in another size, as numbers of 0 to 255, pixel by pixel: of its first three channels, or of gray its only one.
 * In f64, and in an order that is always the same, so that all engines find the same bits.
 */
export function resize(
  { width: fromWidth, height: fromHeight, data }: Pixels,
  width: number,
  height: number,
  filter: Filter,
  fit: Fit,
): Float64Array {
  const pixelBytes = data.length / (fromWidth * fromHeight)
  const channels = pixelBytes < 3 ? 1 : 3
  const scale = Math.min(fromWidth / width, fromHeight / height)
  const span = (from: number, to: number): number => (fit === 'crop' ? scale * to : from)
  const isBoxed = fit === 'letterbox'
  const inner = isBoxed
    ? letterboxed({ width: fromWidth, height: fromHeight }, { width, height })
    : { left: 0, top: 0, width, height }
  const across = tapsFor(filter, fromWidth, span(fromWidth, width), inner.width)
  const down = tapsFor(filter, fromHeight, span(fromHeight, height), inner.height)
  const row = new Float64Array(inner.width * channels)
  const result = new Float64Array(height * width * channels).fill(isBoxed ? gray : 0)
  // Each row of the picture goes to the target's rows that it counts in, so that no other needs to be kept.
  for (let y = 0; y < fromHeight; y++) {
    let isRead = false
    for (let target = 0; target < inner.height; target++) {
      const [first, weights] = down[target]!
      if (y < first || y >= first + weights.length) continue
      const weight = weights[y - first]!
      if (!isRead) readRow(data, y * fromWidth * pixelBytes, pixelBytes, across, row)
      isRead = true
      for (let i = 0, to = ((inner.top + target) * width + inner.left) * channels; i < row.length; i++, to++)
        result[to] = (y > first ? result[to]! : 0) + weight * row[i]!
    }
  }
  return result
}
