import { matrix, plusRow, range, sum, times, type Matrix } from './matrices.ts'

/**
 * Parts of networks, and updates, in plain f64 code that shares nothing with the compiler. Slopes are written out where a file of this
 * folder has a network of its own, and central differences of the forward computation elsewhere.
 */
export type Parameters = Record<string, number[]>

/** Zeros for each parameter. */
export const zerosLike = (p: Parameters): Parameters =>
  Object.fromEntries(Object.entries(p).map(([name, values]) => [name, values.map(() => 0)]))

/** d loss / d each parameter. The error is some 10⁻¹⁰ of the third derivative. */
export function slopes(parameters: Parameters, loss: (p: Parameters) => number): Parameters {
  const h = 1e-4
  return Object.fromEntries(
    Object.entries(parameters).map(([name, values]) => {
      const at = (i: number, d: number): number => loss({ ...parameters, [name]: values.with(i, values[i]! + d) })
      // Richardson's extrapolation of two central differences: the error is of the fourth order.
      const slope = (_: number, i: number): number =>
        (8 * (at(i, h) - at(i, -h)) - (at(i, 2 * h) - at(i, -2 * h))) / (12 * h)
      return [name, values.map(slope)]
    }),
  )
}

export interface Decays {
  readonly [name: string]: boolean
}

/** PyTorch's AdamW, `step` from 1 on; changes `p`, `m` and `v`. */
export function adamwByHand(p: Parameters, g: Parameters, m: Parameters, v: Parameters, step: number, decays: Decays) {
  const [rate, beta1, beta2, epsilon, decay] = [0.01, 0.9, 0.999, 1e-8, 0.01]
  for (const name of Object.keys(p)) {
    p[name]!.forEach((_, i) => {
      if (decays[name]) p[name]![i]! *= 1 - rate * decay
      m[name]![i] = beta1 * m[name]![i]! + (1 - beta1) * g[name]![i]!
      v[name]![i] = beta2 * v[name]![i]! + (1 - beta2) * g[name]![i]! ** 2
      const denominator = Math.sqrt(v[name]![i]!) / Math.sqrt(1 - beta2 ** step) + epsilon
      p[name]![i]! -= ((rate / (1 - beta1 ** step)) * m[name]![i]!) / denominator
    })
  }
}

/** PyTorch's SGD with momentum 0.9, Nesterov's, and weight decay 0.1. */
export function sgdByHand(p: Parameters, g: Parameters, velocity: Parameters, decays: Decays) {
  for (const name of Object.keys(p)) {
    p[name]!.forEach((value, i) => {
      const gradient = g[name]![i]! + (decays[name] ? 0.1 * value : 0)
      velocity[name]![i] = 0.9 * velocity[name]![i]! + gradient
      p[name]![i]! -= 0.05 * (gradient + 0.9 * velocity[name]![i]!)
    })
  }
}

/** Rows of `x` (n × k) times w (k × m), plus bias where there is one. */
export function product(x: Matrix, w: readonly number[], bias?: readonly number[]): Matrix {
  const result = times(x, matrix(w, w.length / x[0]!.length))
  return bias ? plusRow(result, bias) : result
}

/** A 3 × 3 convolution of one image [h][w][c]: `low` pixels of zeros before it and enough behind; w is [3][3][c][o]. */
export function convolve(
  x: readonly number[][][],
  w: readonly number[],
  outputs: number,
  stride = 1,
  low = 1,
): number[][][] {
  const [height, width, channels] = [x.length, x[0]!.length, x[0]![0]!.length]
  const pixel = (i: number, j: number): number[] => {
    const totals = new Array<number>(outputs).fill(0)
    for (let a = 0; a < 3; a++) {
      for (let b = 0; b < 3; b++) {
        const from = x[i * stride + a - low]?.[j * stride + b - low]
        if (!from) continue
        for (let c = 0; c < channels; c++)
          for (let o = 0; o < outputs; o++) totals[o]! += from[c]! * w[((a * 3 + b) * channels + c) * outputs + o]!
      }
    }
    return totals
  }
  return range(Math.ceil(height / stride)).map((i) => range(Math.ceil(width / stride)).map((j) => pixel(i, j)))
}

/** Mean over samples of −log softmax at the target. */
export const crossEntropy = (scores: Matrix, targets: readonly number[]): number =>
  sum(scores.map((row, i) => Math.log(sum(row.map(Math.exp))) - row[targets[i]!]!)) / scores.length

/** The normal distribution's, by the series of erf (Abramowitz & Stegun 7.1.5), enough terms for |x| < 4. */
export function cumulative(x: number): number {
  const z = x / Math.SQRT2
  let [term, total] = [z, z]
  for (let n = 1; n < 60; n++) {
    term *= (-z * z) / n
    total += term / (2 * n + 1)
  }
  return 0.5 * (1 + (2 / Math.sqrt(Math.PI)) * total)
}

/** Statistics of each channel over all pixels of all images. */
export function channelStatistics(images: readonly number[][][][]): {
  mean: number[]
  variance: number[]
  count: number
} {
  const pixels = images.flat(2)
  const mean = range(pixels[0]!.length).map((c) => sum(pixels.map((p) => p[c]!)) / pixels.length)
  const variance = mean.map((m, c) => sum(pixels.map((p) => (p[c]! - m) ** 2)) / pixels.length)
  return { mean, variance, count: pixels.length }
}
