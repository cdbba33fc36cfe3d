/**
 * Rounds weights one after another and makes up for each one's error by changing those still to come, as far as the layer's
 * inputs go together: with H = Σ x xᵀ, the change that adds least to the squared error of the results is proportional to a
 * row of the inverse of what is left of H (Hassibi & Stork 1993; Frantar et al. 2022, "GPTQ").
 */
import type { Layer } from '../layers.ts'
import type { SecondMoments } from './second-moments.ts'
import { channelOf, nearest, type QuantizedWeights } from '../weights.ts'

/** What is added to the diagonal, of its mean: inputs that never differ leave no matrix to invert. */
const damping = 0.01

/** H in the order of `order`, damped, with a diagonal of ones for what is never anything but 0; undefined where it is not finite. */
function damped(terms: number, sums: Float64Array, order: Int32Array): Float64Array | undefined {
  let trace = 0
  for (let k = 0; k < terms; k++) trace += sums[k * terms + k]!
  const more = (damping * trace) / terms
  if (!(more > 0 && more < Infinity)) return undefined
  const h = new Float64Array(terms * terms)
  for (let i = 0; i < terms; i++) {
    for (let j = 0; j < terms; j++) h[i * terms + j] = sums[order[i]! * terms + order[j]!]!
    h[i * terms + i]! += more
  }
  return h
}

/**
 * The upper triangular U with H⁻¹ = Uᵀ U, transposed: H = M Mᵀ with an upper triangular M, found from its last row, and U
 * is the inverse of M. Overwrites `h`; undefined where it is not positive.
 */
function factorOfInverse(h: Float64Array, n: number): Float64Array | undefined {
  for (let i = n - 1; i >= 0; i--) {
    for (let j = i; j >= 0; j--) {
      let sum = h[j * n + i]!
      for (let k = i + 1; k < n; k++) sum -= h[j * n + k]! * h[i * n + k]!
      if (j < i) h[j * n + i] = sum / h[i * n + i]!
      else if (sum > 0) h[i * n + i] = Math.sqrt(sum)
      else return undefined
    }
  }
  const u = new Float64Array(n * n)
  for (let j = 0; j < n; j++) {
    u[j * n + j] = 1 / h[j * n + j]!
    for (let i = j - 1; i >= 0; i--) {
      let sum = 0
      for (let k = i + 1; k <= j; k++) sum += h[i * n + k]! * u[j * n + k]!
      u[j * n + i] = -sum / h[i * n + i]!
    }
  }
  return u
}

/** `rounded` with its scales, and the integers chosen anew; they stay as they were where the inputs do not suffice for that. */
export function compensated({ weights }: Layer, moments: SecondMoments, rounded: QuantizedWeights): QuantizedWeights {
  const { groups, terms, term } = moments
  const { bits, scales } = rounded
  const { channels, tensor } = weights!
  const channel = channelOf(weights!)
  const values = tensor.data as Float32Array
  const at = Int32Array.from(values, (_, i) => term(i) * channels + channel(i))
  const left = new Float64Array(terms * channels)
  values.forEach((w, i) => (left[at[i]!] = w))
  const integers = new Int8Array(terms * channels)
  rounded.data.forEach((q, i) => (integers[at[i]!] = q))
  const errors = new Float64Array(channels)
  for (let group = 0; group < groups; group++) {
    const sums = moments.sums.subarray(group * terms * terms, (group + 1) * terms * terms)
    // The largest inputs first: what is rounded last has nothing left that could make up for it.
    const order = Int32Array.from({ length: terms }, (_, k) => k).sort(
      (i, j) => sums[j * terms + j]! - sums[i * terms + i]! || i - j,
    )
    const h = damped(terms, sums, order)
    const u = h && factorOfInverse(h, terms)
    if (!u) continue
    const [from, to] = [(group * channels) / groups, ((group + 1) * channels) / groups]
    for (let k = 0; k < terms; k++) {
      const own = u[k * terms + k]!
      const row = order[k]! * channels
      for (let c = from; c < to; c++) {
        const w = left[row + c]!
        const q = nearest(w, scales[c]!, bits)
        integers[row + c] = q
        errors[c] = (w - q * scales[c]!) / own
      }
      for (let j = k + 1; j < terms; j++) {
        const factor = u[j * terms + k]!
        const next = order[j]! * channels
        for (let c = from; c < to; c++) left[next + c]! -= factor * errors[c]!
      }
    }
  }
  return { bits, scales, data: Int8Array.from(at, (i) => integers[i]!) }
}
