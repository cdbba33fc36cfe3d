import type { Report, Target } from '../index.ts'

/**
 * What multiplies and accumulates: f32 lanes; `i32x4.dot_i16x8_s` and an addition; or
 * `i32x4.relaxed_dot_i8x16_i7x16_add_s`, which only relaxed-simd modules have.
 */
export const arithmetics = ['f32', 'i16', 'dot'] as const
export type Arithmetic = (typeof arithmetics)[number]

/** A run's multiply-accumulates by what does them. */
export type Macs = Readonly<Record<Arithmetic, number>>

/** 10⁹ multiply-accumulates per second that a loop in registers reaches, for each arithmetic that was measured. */
export type Peaks = { readonly f32: number } & Readonly<Partial<Record<Arithmetic, number>>>

/** Those of the module of `target`; where the engine's relaxed dot product is inexact, products of i16 take its place. */
export function macsIn(
  { macs, integerMacs, dotMacs }: Pick<Report, 'macs' | 'integerMacs' | 'dotMacs'>,
  target: Target,
  exact = true,
): Macs {
  const dot = target === 'relaxed-simd' && exact ? dotMacs : 0
  return { f32: macs - integerMacs, i16: integerMacs - dot, dot }
}

/** Milliseconds that these take at their peaks, one kind after the other. */
export const limitMs = (macs: Macs, peaks: Peaks): number =>
  arithmetics.reduce((ms, kind) => ms + (macs[kind] > 0 ? macs[kind] / (peaks[kind] ?? NaN) / 1e6 : 0), 0)

const names: Readonly<Record<Arithmetic, string>> = {
  f32: 'f32',
  i16: 'products of i16',
  dot: 'relaxed dot products of i8',
}

/** What registers reach, and if there are several kinds, the share of the model's multiply-accumulates that are of each. */
export function describePeaks(peaks: Peaks, macs: Macs | null): string {
  const measured = arithmetics.filter((kind) => peaks[kind] !== undefined)
  const total = macs ? arithmetics.reduce((sum, kind) => sum + macs[kind], 0) : 0
  const parts = measured.map((kind) => {
    const share =
      macs && total > 0 && measured.length > 1 ? ` (${((100 * macs[kind]) / total).toFixed(0)} % of MACs)` : ''
    return `${peaks[kind]!.toFixed(1)} GMAC/s in ${names[kind]}${share}`
  })
  return parts.join(', ')
}
