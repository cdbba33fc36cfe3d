import type { Augmentation, SpectrogramLayout } from '../augmentation.ts'
import { below } from '../random.ts'

/** Moves spectrograms by up to so many frames to an earlier or later time; the first or the last frame fills what becomes free. */
export const timeShift = ({ frames: most }: { readonly frames: number }): Augmentation<SpectrogramLayout> => ({
  name: `timeShift ${most}`,
  of: 'spectrogram',
  apply(values, { frames, bins }, random) {
    const later = below(random, 2 * most + 1) - most
    return values.map((_, i) => {
      const from = Math.min(frames - 1, Math.max(0, Math.floor(i / bins) - later))
      return values[from * bins + (i % bins)]!
    })
  },
})
