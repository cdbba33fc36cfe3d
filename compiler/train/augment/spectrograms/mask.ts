import type { Augmentation, SpectrogramLayout } from '../augmentation.ts'
import { below } from '../random.ts'

/** Values of some frames, or of some bins, become the spectrogram's mean. */
const mask = (
  name: string,
  most: number,
  along: (layout: SpectrogramLayout) => { readonly length: number; readonly stride: number },
): Augmentation<SpectrogramLayout> => ({
  name: `${name} ${most}`,
  of: 'spectrogram',
  apply(values, layout, random) {
    const { length, stride } = along(layout)
    const size = below(random, Math.min(most, length) + 1)
    const from = below(random, length - size + 1)
    const mean = values.reduce((a, b) => a + b, 0) / values.length
    return values.map((value, i) => {
      const at = Math.floor(i / stride) % length
      return at >= from && at < from + size ? mean : value
    })
  },
})

/** Blots out up to so many frames in a row (SpecAugment: Park et al., 2019). */
export const timeMask = ({ frames }: { readonly frames: number }): Augmentation<SpectrogramLayout> =>
  mask('timeMask', frames, (layout) => ({ length: layout.frames, stride: layout.bins }))

/** Blots out up to so many neighbouring frequencies (SpecAugment: Park et al., 2019). */
export const frequencyMask = ({ bins }: { readonly bins: number }): Augmentation<SpectrogramLayout> =>
  mask('frequencyMask', bins, (layout) => ({ length: layout.bins, stride: 1 }))
