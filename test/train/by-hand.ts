/**
 * Networks, gradients and updates in plain f64 code that shares nothing with the compiler: gradients are central differences of the
 * forward computation.
 */
export type Parameters = Record<string, number[]>

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

export const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i)
const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0)

/** Rows of `x` (n × k) times w (k × m) plus bias. */
export function product(x: readonly number[][], w: readonly number[], bias?: readonly number[]): number[][] {
  return x.map((row) => {
    const m = w.length / row.length
    return range(m).map((j) => sum(row.map((value, k) => value * w[k * m + j]!)) + (bias?.[j] ?? 0))
  })
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
export function crossEntropy(
  scores: readonly number[][],
  targets: readonly number[],
  weights?: readonly number[],
): number {
  const each = scores.map((row, i) => Math.log(sum(row.map(Math.exp))) - row[targets[i]!]!)
  const w = weights ?? each.map(() => 1)
  return sum(each.map((l, i) => l * w[i]!)) / sum(w)
}

/** Rows normalized to mean 0 and variance 1, scaled and shifted by place. */
export function layerNormalized(
  rows: readonly number[][],
  scale: readonly number[],
  bias: readonly number[],
): number[][] {
  return rows.map((row) => {
    const mean = sum(row) / row.length
    const variance = sum(row.map((v) => (v - mean) ** 2)) / row.length
    return row.map((v, i) => ((v - mean) / Math.sqrt(variance + 1e-5)) * scale[i]! + bias[i]!)
  })
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
