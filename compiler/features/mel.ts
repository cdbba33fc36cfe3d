import { cos, exp, log } from '../core/math.ts'
import type { Features } from './options.ts'

interface Scale {
  mel(hertz: number): number
  hertz(mel: number): number
}

/** Slaney, Auditory Toolbox, 1998: straight below 1 kHz, 27 steps for each factor of 6.4 above. */
const [step, knee, ratio] = [200 / 3, 1000, log(6.4) / 27]

const scales: Readonly<Record<Features['melScale'], Scale>> = {
  // The HTK Book 3.4, section 5.4.
  htk: {
    mel: (hertz) => 1127 * log(1 + hertz / 700),
    hertz: (mel) => 700 * (exp(mel / 1127) - 1),
  },
  slaney: {
    mel: (hertz) => (hertz < knee ? hertz / step : knee / step + log(hertz / knee) / ratio),
    hertz: (mel) => (mel < knee / step ? mel * step : knee * exp(ratio * (mel - knee / step))),
  },
}

/** The weight of a bin of the spectrum in a band: triangles whose corners are equally far apart in mel. `rate` in Hz. */
export function melWeights(f: Features, rate: number): (bin: number, band: number) => number {
  const { mel, hertz } = scales[f.melScale]
  const [low, high] = [mel(f.low), mel(f.high)]
  const inMel = f.triangles === 'mel'
  const corners = Array.from({ length: f.mels + 2 }, (_, i) => {
    const at = low + ((high - low) * i) / (f.mels + 1)
    return inMel ? at : hertz(at)
  })
  return (bin, band) => {
    const frequency = (bin * rate) / f.fft
    const at = inMel ? mel(frequency) : frequency
    const [left = 0, middle = 0, right = 0] = corners.slice(band, band + 3)
    const weight = Math.max(0, Math.min((at - left) / (middle - left), (right - at) / (right - middle)))
    if (f.melNorm === 'none') return weight
    const width = inMel ? hertz(right) - hertz(left) : right - left
    return (2 * weight) / width
  }
}

/** The weight of a band in a coefficient: cosines (DCT-II), the first as the others where it is HTK's. */
export const cosineWeights =
  ({ mels, dct }: Features): ((band: number, coefficient: number) => number) =>
  (band, coefficient) => {
    const scale = Math.sqrt((coefficient === 0 && dct === 'orthonormal' ? 1 : 2) / mels)
    // Angles are reduced in integers.
    return scale * cos((Math.PI * (((2 * band + 1) * coefficient) % (4 * mels))) / (2 * mels))
  }
