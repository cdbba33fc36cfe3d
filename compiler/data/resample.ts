import { cos, sin } from '../core/math/index.ts'
import { cannotResample } from './errors.ts'
import type { Sound } from './formats/wav.ts'

/** Zero crossings of the filter on each side, and the share of the lower half rate that passes. */
const [crossings, rolloff] = [16, 0.945]

/** So many times higher or lower a rate may become. */
const mostTimes = 256

/** Weights that are kept: rates without a large common divisor have others for each sample. */
const mostKept = 2 ** 20

const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b))

/**
 * The first `length` samples of a sound at another rate, with zeros behind its end: a sum of sincs below half of the lower rate,
 * weighted by Hann's window (Smith, Digital Audio Resampling, 2002; torchaudio.functional.resample, wider). Weights sum to 1, so
 * that a constant stays one. At its own rate it is the sound itself. A504 for rates further apart than 1 : 256; `what` names the sound.
 */
export function resampled(sound: Sound, rate: number, length: number, what: string): Float32Array {
  const result = new Float32Array(length)
  if (sound.rate === rate) {
    for (let i = 0; i < Math.min(length, sound.length); i++) result[i] = sound.at(i)
    return result
  }
  if (Math.max(sound.rate / rate, rate / sound.rate) > mostTimes) cannotResample(what, sound.rate, rate)
  const divisor = gcd(sound.rate, rate)
  const [from, to] = [sound.rate / divisor, rate / divisor]
  // In cycles for each sample of the sound.
  const cutoff = rolloff * Math.min(1, to / from)
  const reach = crossings / cutoff
  const count = Math.min(length, Math.ceil((sound.length * to) / from))
  // A sample is read by many, and may be the mean of many channels.
  const samples = Float64Array.from(
    { length: Math.min(sound.length, Math.ceil((count * from) / to + reach)) },
    (_, i) => sound.at(i),
  )
  let room = mostKept
  const kept = new Map<number, Float64Array>()
  const weightsAt = (phase: number): Float64Array => {
    const known = kept.get(phase)
    if (known) return known
    // The place of the new sample, as a part of a sample of the sound.
    const place = phase / to
    const first = Math.ceil(place - reach)
    const weights = Float64Array.from({ length: Math.floor(place + reach) - first + 1 }, (_, k) => {
      const x = (first + k - place) * cutoff
      const window = cos((Math.PI / 2) * (x / crossings)) ** 2
      return x === 0 ? 1 : (window * sin(Math.PI * x)) / (Math.PI * x)
    })
    const sum = weights.reduce((a, b) => a + b, 0)
    weights.forEach((w, k) => (weights[k] = w / sum))
    room -= weights.length
    if (room >= 0) kept.set(phase, weights)
    return weights
  }
  for (let i = 0; i < count; i++) {
    const phase = (i * from) % to
    const base = (i * from - phase) / to
    const weights = weightsAt(phase)
    const first = base + Math.ceil(phase / to - reach)
    let sum = 0
    for (let k = Math.max(0, -first); k < Math.min(weights.length, samples.length - first); k++)
      sum += weights[k]! * samples[first + k]!
    result[i] = sum
  }
  return result
}
