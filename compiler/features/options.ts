/** How short pieces of a sound become numbers that tell its pitches: spectra, mel bands or their cepstrum. */
export interface Features {
  /** Samples of a piece, and from the start of one to that of the next. */
  readonly window: number
  readonly hop: number
  /** Points of the Fourier transform: pieces are filled up with zeros to that. */
  readonly fft: number
  /** What a piece is multiplied by; periodic unless symmetric. */
  readonly taper: Taper
  /** 1 for magnitudes, 2 for powers. */
  readonly power: 1 | 2
  /** Samples are multiplied by this first: 32768 for models that learned from integers of 16 bits. */
  readonly gain: number
  /** Of each piece: its mean is subtracted first, and then from each sample this share of the one before (Kaldi). */
  readonly centered: boolean
  readonly preemphasis: number
  /** Zeros or a mirror image of half a window before the sound and behind it, so that pieces have their middle at hops; or none. */
  readonly padding: Padding
  /** Bands; 0 for the bins of the spectrum themselves. */
  readonly mels: number
  /** Where the lowest band begins and the highest ends, in Hz. */
  readonly low: number
  readonly high: number
  readonly melScale: MelScale
  /** What the triangles of the bands are straight over. */
  readonly triangles: Triangles
  /** `area` makes every band's weights sum to the same (Slaney). */
  readonly melNorm: MelNorm
  /** Of `max(x + add, floor)`; dB are 10 log10. */
  readonly log: Logarithm
  readonly add: number
  readonly floor: number
  /** What is further below the greatest value of a sound is raised to that; 0 for none. In units of `log`. */
  readonly range: number
  /** Of the cosine transform of the bands; 0 for the bands themselves. */
  readonly coefficients: number
  readonly dct: CosineTransform
  /** Last, (x - mean) / std. */
  readonly mean: number
  readonly std: number
  /** Which of the input's two axes is first: time, or the bands. */
  readonly layout: Layout
  /** Samples of a sound; 0 for as many as the pieces take that the input has room for. */
  readonly samples: number
}

export const tapers = ['hann', 'hann-symmetric', 'hamming', 'hamming-symmetric', 'povey', 'rectangular'] as const
export const paddings = ['none', 'zeros', 'reflect'] as const
export const melScales = ['htk', 'slaney'] as const
export const trianglesOver = ['hertz', 'mel'] as const
export const melNorms = ['none', 'area'] as const
export const logarithms = ['none', 'ln', 'log10', 'dB'] as const
export const cosineTransforms = ['orthonormal', 'htk'] as const
export const featureLayouts = ['time', 'bands'] as const

export type Taper = (typeof tapers)[number]
export type Padding = (typeof paddings)[number]
export type MelScale = (typeof melScales)[number]
export type Triangles = (typeof trianglesOver)[number]
export type MelNorm = (typeof melNorms)[number]
export type Logarithm = (typeof logarithms)[number]
export type CosineTransform = (typeof cosineTransforms)[number]
export type Layout = (typeof featureLayouts)[number]

/** What a user writes: window and hop, and what differs from the defaults. */
export type FeatureOptions = Pick<Features, 'window' | 'hop'> & Partial<Features>

type Check = readonly [legal: (x: unknown) => boolean, wanted: string]
const oneOf = (values: readonly string[]): Check => [(x) => values.includes(x as string), values.join(', ')]
const whole = (least: number, most: number): Check => [
  (x) => Number.isInteger(x) && Number(x) >= least && Number(x) <= most,
  `a whole number from ${least} to ${most}`,
]
const number = (least = -Infinity, wanted = 'a number'): Check => [
  (x) => Number.isFinite(x) && Number(x) >= least,
  wanted,
]
const notNegative = number(0, 'a number from 0')

/** More than any model of sounds has, and few enough to make tables of. */
const mostPoints = 2 ** 15

/** What each member may be. */
export const featureChecks: Readonly<Record<keyof Features, Check>> = {
  window: whole(2, mostPoints),
  hop: whole(1, mostPoints),
  fft: whole(2, mostPoints),
  taper: oneOf(tapers),
  power: [(x) => x === 1 || x === 2, '1 or 2'],
  gain: number(),
  centered: [(x) => typeof x === 'boolean', 'true or false'],
  preemphasis: notNegative,
  padding: oneOf(paddings),
  mels: whole(0, 512),
  low: notNegative,
  high: notNegative,
  melScale: oneOf(melScales),
  triangles: oneOf(trianglesOver),
  melNorm: oneOf(melNorms),
  log: oneOf(logarithms),
  add: notNegative,
  floor: notNegative,
  range: notNegative,
  coefficients: whole(0, 512),
  dct: oneOf(cosineTransforms),
  mean: number(),
  std: [(x) => Number.isFinite(x) && Number(x) > 0, 'a positive number'],
  layout: oneOf(featureLayouts),
  samples: whole(0, 2 ** 24),
}

/** The least power of two that is not less. */
const powerOfTwo = (n: number): number => 2 ** (32 - Math.clz32(n - 1))

/** All members; `rate` is the sound's, samples a second. */
export function completeFeatures(options: FeatureOptions, rate: number): Features {
  return {
    ...{ fft: powerOfTwo(options.window), taper: 'hann', power: 2, gain: 1, centered: false, preemphasis: 0 },
    ...{ padding: 'none', mels: 0, low: 0, high: rate / 2, melScale: 'htk', triangles: 'hertz', melNorm: 'none' },
    ...{ log: 'none', add: 0, floor: 0, range: 0, coefficients: 0, dct: 'orthonormal', mean: 0, std: 1 },
    ...{ layout: 'time', samples: 0, ...options },
  }
}

/** Numbers of each piece. */
export const bandsOf = ({ coefficients, mels, fft }: Features): number =>
  coefficients || mels || Math.floor(fft / 2) + 1
