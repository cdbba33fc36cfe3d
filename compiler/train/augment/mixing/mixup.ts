import type { Mixing } from '../augmentation.ts'
import { beta } from './beta.ts'

export interface MixupOptions {
  /** The shares are of the distribution Beta(α, α): small ones leave most samples nearly as they are. 0.2 unless it is given. */
  readonly alpha?: number
  /** The share of samples that are mixed; 1 unless it is given. */
  readonly probability?: number
}

/**
 * λ of a sample and 1 − λ of another one, and so of their targets (Zhang et al., 2018). For any f32: pictures, sounds, spectrograms, other
 * numbers.
 */
export const mixup = ({ alpha = 0.2, probability = 1 }: MixupOptions = {}): Mixing => ({
  name: `mixup ${alpha} ${probability}`,
  of: undefined,
  probability,
  mix(values, other, _, random) {
    const share = beta(random, alpha)
    return { values: values.map((value, i) => share * value + (1 - share) * other[i]!), share }
  },
})
