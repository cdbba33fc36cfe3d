import type { Builder } from '../../../core/builder.ts'
import type { Value } from '../../../core/graph.ts'
import { log, pow } from '../../../core/math.ts'
import { tensorOf } from '../../../core/tensor.ts'
import type { Spectrum } from './spectrum.ts'

const mel = (hertz: number): number => (2595 * log(1 + hertz / 700)) / Math.LN10
const hertz = (mels: number): number => 700 * (pow(10, mels / 2595) - 1)

/** The bins from `first` on that a filter reads, and their weights. */
export interface Filter {
  readonly first: number
  readonly weights: readonly number[]
}

/**
 * Triangles from 0 over 1 to 0, their corners equally far apart in mel from `low` to `high` Hz, over the bins of a transform of
 * `length` points: the scale of HTK, no normalization of areas (torchaudio.functional.melscale_fbanks with its defaults). A filter
 * between two bins has no weights.
 */
export function melFilters(count: number, rate: number, length: number, low: number, high: number): Filter[] {
  const [from, to] = [mel(low), mel(high)]
  const corner = (i: number): number => hertz(from + ((to - from) * i) / (count + 1))
  const bins = Math.floor(length / 2) + 1
  return Array.from({ length: count }, (_, m) => {
    const [left, centre, right] = [corner(m), corner(m + 1), corner(m + 2)]
    const weight = (bin: number): number => {
      const x = (bin * rate) / length
      return Math.min((x - left) / (centre - left), (right - x) / (right - centre))
    }
    const read = Array.from({ length: bins }, (_, bin) => bin).filter((bin) => weight(bin) > 0)
    return { first: read[0] ?? 0, weights: read.map(weight) }
  })
}

/** What filters make of a spectrum: f32[frames, filters]. Each reads its own few bins. */
export function filtered(b: Builder, { power, place }: Spectrum, filters: readonly Filter[]): Value {
  const widest = Math.max(...filters.map(({ weights }) => weights.length))
  const taps = Array.from({ length: widest }, (_, i) => i)
  // Beyond its end a filter reads its last bin with a weight of 0.
  const places = filters.flatMap(({ first, weights }) =>
    taps.map((i) => place(first + Math.min(i, weights.length - 1))),
  )
  const factors = filters.flatMap(({ weights }) => taps.map((i) => weights[i] ?? 0))
  const shape = [filters.length, widest]
  const read = b.take(power, b.constant(tensorOf('i32', shape, places)), 1)
  return b.reduce('add', b.binary('mul', read, b.constant(tensorOf('f32', shape, factors))), [2])
}
