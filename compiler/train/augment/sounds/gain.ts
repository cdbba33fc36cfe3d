import type { Augmentation, SoundLayout } from '../augmentation.ts'
import { between } from '../random.ts'
import { amplitudeOf } from './decibels.ts'

export interface GainOptions {
  /** The largest change of loudness, either way. */
  readonly decibels: number
}

/** Makes sounds louder or softer. */
export const gain = ({ decibels }: GainOptions): Augmentation<SoundLayout> => ({
  name: `gain ${decibels}`,
  of: 'sound',
  apply(samples, _, random) {
    const factor = amplitudeOf(between(random, -decibels, decibels))
    return samples.map((value) => value * factor)
  },
})
