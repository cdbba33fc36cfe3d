/**
 * When a rewrite may reorder sums and products of floats. In exact arithmetic nothing would change; in floats no result may
 * move by more than summing up its terms in another order would move it.
 */
import { channelScales, dequantizer } from './dequantized.ts'
import type { Value } from '../graph.ts'
import { elementCount } from '../shape.ts'
import { reader } from '../tensor.ts'

/**
 * A constant this many times as large as the weights of a sum rounds it to 16 bits at least. Beyond that the rounding is
 * what the constant is for: 1.5 · 2²³ is added and subtracted again to round to integers.
 */
const mostAddend = 2 ** 8

/**
 * Whether a constant of magnitude `addend` may be added to a sum sooner or later than where it stands, or together with
 * others. `weights` is the largest Σ |w| of the sum's output channels, Infinity where it is not known. Sizes are those of
 * whole tensors: a channel whose weights are zero has a constant all the same.
 */
export const mayMove = (addend: number, weights: number): boolean => addend <= mostAddend * weights

/**
 * Whether factors may be multiplied with one another before what they scale: the largest product is far from where
 * floats overflow and from where they lose bits. `before` and `after` are the largest magnitudes.
 */
export const mayScale = (before: number, after: number): boolean =>
  before === 0 ? after === 0 : after >= 2 ** -64 && after <= 2 ** 64

/** Of constant weights, stored as floats or as integers, Σ |w| of each channel along `axis`; undefined where not known. */
export function weightSums(weights: Value, axis: number): Float64Array | undefined {
  const channels = weights.type.shape[axis]!
  const stored = dequantizer()(weights)
  const known = (stored?.q ?? weights).node
  const scales = stored ? channelScales(stored, axis, channels) : undefined
  if (known.op !== 'constant' || (stored && !scales)) return undefined
  const zero = stored?.zero ?? 0
  const inner = elementCount(weights.type.shape.slice(axis + 1))
  const sums = new Float64Array(channels)
  const read = reader(known.attrs.value)
  for (let i = 0; i < known.attrs.value.data.length; i++) {
    sums[Math.floor(i / inner) % channels]! += Math.abs(Number(read(i)) - zero)
  }
  return scales ? sums.map((sum, c) => sum * Math.abs(scales[c]!)) : sums
}

/** The largest magnitude; NaN where there is one. */
export const largest = (values: Iterable<number>): number => {
  let most = 0
  for (const value of values) most = Number.isNaN(value) ? value : Math.max(most, Math.abs(value))
  return most
}
