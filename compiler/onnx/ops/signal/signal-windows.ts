import * as expr from '../../../core/scalar/expr.ts'
import { pow, log } from '../../../core/math/index.ts'
import type { OpContext, Operator } from '../../context.ts'
import { range } from '../../shared/axes.ts'
import * as f from '../../../core/scalar/formula.ts'

/** Σ terms[k] cos(2πkn/N) for n = 0 … size - 1, where N is `size`, or `size` - 1 for a symmetric window. */
const cosineWindow = (terms: readonly number[]): Operator => ({
  since: 17,
  lower: (c: OpContext) => {
    const [size = 0] = c.constantInts(0)
    c.check(size >= 0, `a window of ${size} elements`)
    const period = c.int('periodic', 1) !== 0 ? size : size - 1
    const dtype = c.dtype('output_datatype', 'f32')
    const index = c.b.iota('i64', [size], 0)
    return [
      c.b.map([index], (n) => {
        const angle = f.mul(expr.convert(n!, 'f64'), (2 * Math.PI) / Math.max(1, period))
        const waves = terms.map((term, k) => f.mul(expr.unary('cos', f.mul(angle, k)), term))
        return expr.convert(waves.reduce(f.add), dtype)
      }),
    ]
  },
})

const mel = (hertz: number): number => (2595 * log(1 + hertz / 700)) / Math.LN10
const hertz = (mels: number): number => 700 * (pow(10, mels / 2595) - 1)

/** Triangles that sum the bins of a spectrum to bands, equally wide in mel (Operators.md, MelWeightMatrix). */
const melWeightMatrix: Operator = {
  since: 17,
  lower: (c: OpContext) => {
    const [bands = 0, length = 0, rate = 0, lowest = 0, highest = 0] = range(0, 5).map((i) => c.constantInts(i)[0])
    const bins = Math.floor(length / 2) + 1
    c.check(bands >= 1 && length >= 0 && rate >= 1, `${bands} bands of a transform of ${length} at ${rate} Hz`)
    c.check(bands * bins <= 2 ** 24, `${bands} bands of ${bins} bins`)
    const step = (mel(highest) - mel(lowest)) / (bands + 2)
    const edges = range(0, bands + 2).map((i) => Math.floor(((length + 1) * hertz(mel(lowest) + i * step)) / rate))
    const weight = (bin: number, band: number): number => {
      const [low = 0, center = 0, high = 0] = edges.slice(band, band + 3)
      if (bin === center && (low === center || high > center)) return 1
      if (bin >= low && bin <= center) return (bin - low) / (center - low)
      return bin > center && bin < high ? (high - bin) / (high - center) : 0
    }
    const matrix = range(0, bins).flatMap((bin) => range(0, bands).map((band) => weight(bin, band)))
    return [c.b.reshape(c.b.vector(matrix, c.dtype('output_datatype', 'f32')), [bins, bands])]
  },
}

export const signalOperators: Readonly<Record<string, Operator>> = {
  BlackmanWindow: cosineWindow([0.42, -0.5, 0.08]),
  HammingWindow: cosineWindow([25 / 46, -21 / 46]),
  HannWindow: cosineWindow([0.5, -0.5]),
  MelWeightMatrix: melWeightMatrix,
}
