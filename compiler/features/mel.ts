import type { Builder } from '../core/builder.ts'
import type { Value } from '../core/graph.ts'
import { cos, exp, log, pow } from '../core/math/index.ts'
import { tensorOf } from '../core/tensor.ts'
import type { Features } from './options.ts'
import type { Spectrum } from './spectrum.ts'

interface Scale {
  mel(hertz: number): number
  hertz(mel: number): number
}

/** Slaney, Auditory Toolbox, 1998: straight below 1 kHz, 27 steps for each factor of 6.4 above. */
const [step, knee, ratio] = [200 / 3, 1000, log(6.4) / 27]

const scales: Readonly<Record<Features['melScale'], Scale>> = {
  // The HTK Book 3.4, section 5.4.
  htk: {
    mel: (hertz) => (2595 * log(1 + hertz / 700)) / Math.LN10,
    hertz: (mel) => 700 * (pow(10, mel / 2595) - 1),
  },
  slaney: {
    mel: (hertz) => (hertz < knee ? hertz / step : knee / step + log(hertz / knee) / ratio),
    hertz: (mel) => (mel < knee / step ? mel * step : knee * exp(ratio * (mel - knee / step))),
  },
}

/** The bins from `first` on that a filter reads, and their weights. */
export interface Filter {
  readonly first: number
  readonly weights: readonly number[]
}

/**
 * Triangles from 0 over 1 to 0 (or of equal areas), their corners equally far apart in mel from `low` to `high` Hz, over the bins of a
 * transform at `rate` samples a second. A filter between two bins has no weights.
 */
export function melFilters(features: Features, rate: number): Filter[] {
  const { mels, fft, low, high, melScale, triangles, melNorm } = features
  const { mel, hertz } = scales[melScale]
  const [from, to] = [mel(low), mel(high)]
  const corner = (i: number): number => from + ((to - from) * i) / (mels + 1)
  const over = triangles === 'mel' ? (at: number) => at : hertz
  const bins = Array.from({ length: Math.floor(fft / 2) + 1 }, (_, bin) => {
    const frequency = (bin * rate) / fft
    return triangles === 'mel' ? mel(frequency) : frequency
  })
  return Array.from({ length: mels }, (_, m) => {
    const [left, centre, right] = [over(corner(m)), over(corner(m + 1)), over(corner(m + 2))]
    const height = melNorm === 'area' ? 2 / (hertz(corner(m + 2)) - hertz(corner(m))) : 1
    const weight = (x: number): number =>
      height * Math.min((x - left) / (centre - left), (right - x) / (right - centre))
    const first = bins.findIndex((x) => weight(x) > 0)
    return first < 0 ? { first: 0, weights: [] } : { first, weights: bins.map(weight).filter((w) => w > 0) }
  })
}

/** What filters make of a spectrum: f32[frames, filters]. Each reads its own few bins. */
export function filtered(b: Builder, { power, place }: Spectrum, filters: readonly Filter[]): Value {
  const widest = Math.max(1, ...filters.map(({ weights }) => weights.length))
  const taps = Array.from({ length: widest }, (_, i) => i)
  // One that reads nothing reads what another does with weights of 0, which others do beyond their ends.
  const some = filters.find(({ weights }) => weights.length > 0)?.first ?? 0
  const places = filters.flatMap(({ first, weights }) =>
    taps.map((i) => place(weights.length === 0 ? some : first + Math.min(i, weights.length - 1))),
  )
  const factors = filters.flatMap(({ weights }) => taps.map((i) => weights[i] ?? 0))
  const shape = [filters.length, widest]
  const read = b.take(power, b.constant(tensorOf('i32', shape, places)), 1)
  return b.reduce('add', b.binary('mul', read, b.constant(tensorOf('f32', shape, factors))), [2])
}

/** The cosine transform (DCT-II) of bands, f32[mels, coefficients]; the first coefficient is as the others where it is HTK's. */
export function cosines({ mels, coefficients, dct }: Features): number[] {
  return Array.from({ length: mels * coefficients }, (_, i) => {
    const [band, k] = [Math.floor(i / coefficients), i % coefficients]
    const scale = Math.sqrt((k === 0 && dct === 'orthonormal' ? 1 : 2) / mels)
    return cos((Math.PI / mels) * (band + 0.5) * k) * scale
  })
}
