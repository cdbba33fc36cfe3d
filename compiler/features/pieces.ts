import type { Builder } from '../core/builder.ts'
import { log as ln, cos, pow } from '../core/math/index.ts'
import * as f from '../core/scalar/formula.ts'
import type { Value } from '../core/graph.ts'
import { tensorOf } from '../core/tensor.ts'
import { cosines, filtered, melFilters } from './mel.ts'
import type { Features, Taper } from './options.ts'
import { powerSpectrum, type Spectrum } from './spectrum.ts'

/** Pieces [count, window] of samples [length], a hop apart, of which the first begins at sample 0. */
export function framed(b: Builder, samples: Value, { window, hop }: Features, count: number): Value {
  const parts = Math.ceil(window / hop)
  const total = (count + parts - 1) * hop
  const length = samples.type.shape[0]!
  const zero = b.scalar(0, 'f32')
  const whole = length < total ? b.pad(samples, zero, [0], [total - length]) : b.sliceAxis(samples, 0, 0, total)
  const hops = b.reshape(whole, [count + parts - 1, hop])
  const shifted = Array.from({ length: parts }, (_, i) => b.sliceAxis(hops, 0, i, count))
  return b.sliceAxis(b.concatenate(shifted, 1), 1, 0, window)
}

/** Features [count, bands] of pieces [count, window]; all but what looks at the whole sound. `rate` in Hz. */
export function featuresOf(b: Builder, given: Value, features: Features, rate: number): Value {
  const { window, fft, power, gain, centered, preemphasis, mels, log, add, floor, coefficients } = features
  let pieces = given
  if (centered) pieces = b.binary('sub', pieces, b.mean(pieces, [1], true))
  if (preemphasis > 0) {
    // The first sample has itself before it.
    const before = b.concatenate([b.sliceAxis(pieces, 1, 0, 1), b.sliceAxis(pieces, 1, 0, window - 1)], 1)
    pieces = b.map([pieces, before], (x, y) => f.sub(x!, f.mul(y!, preemphasis)))
  }
  const taper = b.vector(
    Array.from({ length: window }, (_, i) => gain * taperAt(features.taper, i, window)),
    'f32',
  )
  const tapered = b.binary('mul', pieces, taper)
  const spectrumOf = (first: number, last: number): Spectrum => {
    const spectrum = powerSpectrum(b, tapered, fft, first, last)
    return power === 2 ? spectrum : { ...spectrum, power: b.unary('sqrt', spectrum.power) }
  }
  let bands: Value
  if (mels > 0) {
    const filters = melFilters(features, rate)
    const read = filters.filter(({ weights }) => weights.length > 0)
    const first = Math.min(...read.map((filter) => filter.first))
    const last = Math.max(...read.map((filter) => filter.first + filter.weights.length - 1))
    bands = filtered(b, spectrumOf(first, last), filters)
  } else {
    const last = Math.floor(fft / 2)
    const { power, place } = spectrumOf(0, last)
    bands = b.take(
      power,
      b.vector(
        Array.from({ length: last + 1 }, (_, bin) => place(bin)),
        'i32',
      ),
      1,
    )
  }
  if (log !== 'none') {
    const scale = { ln: 1, log10: 1 / ln(10), dB: 10 / ln(10) }[log]
    bands = b.map([bands], (x) => {
      const sum = add > 0 ? f.add(x!, add) : x!
      const logarithm = f.log(floor > 0 ? f.max(sum, floor) : sum)
      return scale === 1 ? logarithm : f.mul(logarithm, scale)
    })
  }
  if (coefficients === 0) return bands
  const matrix = b.constant(tensorOf('f32', [mels, coefficients], cosines(features)))
  return b.dotGeneral(bands, matrix, { lhsBatch: [], rhsBatch: [], lhsContract: [1], rhsContract: [0] })
}

/** What comes last: (x - mean) / std. */
export const normalized = (b: Builder, x: Value, { mean, std }: Features): Value =>
  mean === 0 && std === 1 ? x : b.map([x], (v) => f.div(f.sub(v!, mean), std))

function taperAt(taper: Taper, i: number, window: number): number {
  const wave = (period: number): number => cos((2 * Math.PI * i) / Math.max(1, period))
  switch (taper) {
    case 'hann':
      return 0.5 - 0.5 * wave(window)
    case 'hann-symmetric':
      return 0.5 - 0.5 * wave(window - 1)
    case 'hamming':
      return 0.54 - 0.46 * wave(window)
    case 'hamming-symmetric':
      return 0.54 - 0.46 * wave(window - 1)
    // Kaldi's own.
    case 'povey':
      return pow(0.5 - 0.5 * wave(window - 1), 0.85)
    case 'rectangular':
      return 1
  }
}
