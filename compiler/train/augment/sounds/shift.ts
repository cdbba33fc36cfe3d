import type { Augmentation, SoundLayout } from '../augmentation.ts'
import { below } from '../random.ts'

export interface ShiftOptions {
  /** The largest shift, as a share of the sound's length. */
  readonly by: number
}

/** Moves sounds to an earlier or later time; silence comes in. */
export const shift = ({ by }: ShiftOptions): Augmentation<SoundLayout> => ({
  name: `shift ${by}`,
  of: 'sound',
  apply(samples, { length }, random) {
    const most = Math.round(by * length)
    const later = below(random, 2 * most + 1) - most
    const result = new Float32Array(length)
    result.set(samples.subarray(Math.max(0, -later), Math.min(length, length - later)), Math.max(0, later))
    return result
  },
})
