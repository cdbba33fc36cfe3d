import { log } from '../core/math/index.ts'
import type { Observation } from './calibrate.ts'

/**
 * How a tensor is stored as u8: x ≈ (q − zero) · scale. On x86 the instruction for products of bytes takes one operand without
 * sign, and activations with one cost time to be changed.
 */
export interface QuantizationParameters {
  readonly scale: number
  readonly zero: number
}

export const lowest = 0
export const highest = 255

/** Smallest scale: its reciprocal is still a normal number. */
const smallestScale = 2 ** -100

/** Scale and zero point for [low, high], widened to hold 0, which padding needs to be exact. */
export function parametersFor(low: number, high: number): QuantizationParameters {
  const [from, to] = [Math.min(0, low), Math.max(0, high)]
  if (from === to) return { scale: 1, zero: 0 }
  const scale = Math.fround(Math.max((to - from) / (highest - lowest), smallestScale))
  const zero = Math.min(highest, Math.max(lowest, Math.round(lowest - from / scale)))
  return { scale, zero }
}

/** Half to even, as the formula that quantizes rounds. */
export function roundHalfEven(x: number): number {
  const floor = Math.floor(x)
  const rest = x - floor
  return rest > 0.5 || (rest === 0.5 && floor % 2 !== 0) ? floor + 1 : floor
}

/** `x` as it comes back from being stored. */
export function roundTrip(x: number, { scale, zero }: QuantizationParameters): number {
  const q = Math.min(highest, Math.max(lowest, roundHalfEven(x / scale) + zero))
  return (q - zero) * scale
}

/** Σ x² and Σ (x − stored x)² over elements. */
function noiseOf(elements: ArrayLike<number>, parameters: QuantizationParameters): { signal: number; noise: number } {
  let [signal, noise] = [0, 0]
  for (let i = 0; i < elements.length; i++) {
    const x = elements[i]!
    const difference = x - roundTrip(x, parameters)
    signal += x * x
    noise += difference * difference
  }
  return { signal, noise }
}

/** Signal to quantization noise in decibels; null where there is no noise, or no signal. */
export const decibels = ({ signal, noise }: { signal: number; noise: number }): number | null =>
  noise > 0 && signal > 0 ? (10 * log(signal / noise)) / log(10) : null

/** Shares of the elements that may be clipped at either end. */
const clipped = [0, 1e-5, 1e-4, 1e-3, 5e-3]

export interface Choice extends QuantizationParameters {
  readonly low: number
  readonly high: number
  /** The share of the elements that the choice clips at either end at most; 0 is min-max. */
  readonly clip: number
  readonly signal: number
  readonly noise: number
}

/**
 * Σ x² and Σ (x − stored x)² of the elements that were kept and the extremes; with `byCount` the kept ones stand for all
 * that were seen.
 */
function estimate({ elements, count, min, max }: Observation, parameters: QuantizationParameters, byCount: boolean) {
  const kept = noiseOf(elements, parameters)
  const weight = byCount ? count / Math.max(1, elements.length) : 1
  // The extremes stand for themselves: no choice of elements may miss them.
  const ends = noiseOf([min, max], parameters)
  return { signal: kept.signal * weight + ends.signal, noise: kept.noise * weight + ends.noise }
}

/**
 * The range with the least mean squared error among min-max and percentiles. The error is taken over elements that were
 * seen: a histogram has a bin's middle in their place, which hides what rare large elements lose. The extremes weigh more
 * than they are rare, since large elements often carry the signal; with `byCount` they weigh what they are.
 */
export function chooseRange(observations: readonly Observation[], byCount = false): Choice {
  const min = Math.min(...observations.map((o) => o.min))
  const max = Math.max(...observations.map((o) => o.max))
  let best: Choice | undefined
  for (const clip of clipped) {
    const low = clip === 0 ? min : Math.max(min, Math.min(...observations.map((o) => o.histogram.quantile(clip))))
    const high = clip === 0 ? max : Math.min(max, Math.max(...observations.map((o) => o.histogram.quantile(1 - clip))))
    const parameters = parametersFor(low, high)
    const errors = observations.map((o) => estimate(o, parameters, byCount))
    const sum = (of: 'signal' | 'noise'): number => errors.reduce((total, e) => total + e[of], 0)
    const choice = { ...parameters, low, high, clip, signal: sum('signal'), noise: sum('noise') }
    if (!best || choice.noise < best.noise) best = choice
  }
  return best!
}
