import type { Augmentation, SoundLayout } from '../augmentation.ts'
import { between, normal } from '../random.ts'
import { amplitudeOf } from './decibels.ts'

export interface BackgroundOptions {
  /** The loudest noise, in decibels below full scale, such as 30. */
  readonly decibels: number
}

/** Adds white noise, another loudness each time, down to 30 dB less than the loudest. */
export const background = ({ decibels }: BackgroundOptions): Augmentation<SoundLayout> => ({
  name: `background ${decibels}`,
  of: 'sound',
  apply(samples, _, random) {
    const deviation = amplitudeOf(-between(random, decibels, decibels + 30))
    return samples.map((value) => value + deviation * normal(random))
  },
})
