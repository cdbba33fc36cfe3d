import * as v from 'valibot'
import { fail } from '../../../core/diagnostics/diagnostic.ts'
import type { Value } from '../../../core/graph.ts'
import { completeFeatures, contradiction, featuresOf, framed, melFilters } from '../../../features/index.ts'
import type { Layer, NetworkContext } from '../context.ts'
import { noSuchField } from '../no-such-field.ts'

export interface LogMelOptions {
  /** Samples a second. */
  readonly rate: number
  /** Samples of a frame. */
  readonly window: number
  /** Samples from the start of a frame to the start of the next one. */
  readonly hop: number
  /** Mel bands of a frame. */
  readonly bins: number
  /** Points of the Fourier transform; zeros follow a frame that is shorter. The next power of two from `window` on, unless given. */
  readonly points?: number | undefined
  /** Lowest frequency in hertz; 0 unless given. */
  readonly low?: number | undefined
  /** Highest frequency in hertz; half of `rate` unless given. */
  readonly high?: number | undefined
  /** Added to each band before the logarithm; 1e-6 unless given. */
  readonly offset?: number | undefined
}

export interface MfccOptions extends LogMelOptions {
  /** Coefficients of a frame, the first of as many as there are bins. */
  readonly coefficients: number
}

/** `LogMelOptions` with all that was left open. */
type Complete = { readonly [K in keyof LogMelOptions]-?: number }

const count = (most: number) => v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(most))
const positive = v.pipe(v.number(), v.gtValue(0), v.finite())
const logMelFields = {
  rate: count(2 ** 20),
  window: count(2 ** 16),
  hop: count(2 ** 16),
  bins: count(2 ** 10),
  points: v.optional(count(2 ** 16)),
  low: v.optional(v.pipe(v.number(), v.minValue(0), v.finite())),
  high: v.optional(positive),
  offset: v.optional(positive),
}

/** Overlaps beyond this are refused: each frame is put together from so many pieces. */
const mostPieces = 256

function powerOfTwoFrom(least: number): number {
  let n = 1
  while (n < least) n *= 2
  return n
}

/** A702 for options that do not go together, or that there are none of. */
const fields = (entries: v.ObjectEntries) =>
  v.strictObject(entries, ({ expected, path }) =>
    expected === 'never' ? noSuchField(String(path?.at(-1)?.key), Object.keys(entries)) : 'it is missing',
  )

function checked(kind: string, schema: v.GenericSchema, options: unknown): Complete {
  const bad = (message: string): never => fail('A702', `${kind}: ${message}`)
  const result = v.safeParse(schema, options)
  if (!result.success) bad(result.issues.map((i) => `${v.getDotPath(i) ?? 'options'}: ${i.message}`).join('; '))
  const given = options as LogMelOptions
  const { rate, window, hop } = given
  const { points = powerOfTwoFrom(window), low = 0, high = rate / 2, offset = 1e-6 } = given
  if (points < window) bad(`points is ${points}, fewer than the ${window} of window`)
  if (high > rate / 2) bad(`high is ${high} Hz; sound of ${rate} samples a second has nothing above ${rate / 2} Hz`)
  if (low >= high) bad(`low is ${low} Hz, high ${high} Hz`)
  if (window > hop * mostPieces) bad(`hop is less than 1/${mostPieces} of window`)
  return { ...given, points, low, high, offset }
}

/** f32[1, frames, n, 1] of sound, f32[1, samples]: a picture of one channel. */
function pictureOf(
  network: NetworkContext,
  kind: string,
  sound: Value,
  { rate, window, hop, bins, points, low, high, offset }: Complete,
  coefficients = 0,
): Value {
  const { dtype, shape } = sound.type
  if (dtype !== 'f32' || shape.length !== 2 || shape[1]! < window)
    fail(
      'A702',
      `${kind}: its input is ${dtype}[${shape.join(',')}]; it takes sound, f32[1,n], of ${window} samples or more`,
    )
  network.takesSound(rate, kind)
  network.fixed()
  const features = completeFeatures(
    { window, hop, fft: points, mels: bins, low, high, log: 'ln', add: offset, coefficients },
    rate,
  )
  const why = contradiction(features, rate)
  if (why !== undefined) fail('A702', `${kind}: ${why}`)
  const filters = melFilters(features, rate)
  const silent = filters.findIndex(({ weights }) => weights.length === 0)
  if (silent >= 0)
    fail(
      'A702',
      `${kind}: with ${bins} bins, bin ${silent} lies between two frequencies of a transform of ${points} points`,
      {
        hint: 'take fewer bins or more points',
      },
    )
  const { b } = network
  const frames = 1 + Math.floor((shape[1]! - window) / hop)
  const result = featuresOf(b, framed(b, b.reshape(sound, [shape[1]!]), features, frames), features, rate)
  return b.reshape(result, [1, ...result.type.shape, 1])
}

/**
 * Sound as a picture: f32[1, n] of samples from -1 to 1 to f32[1, frames, bins, 1]. Frames begin every `hop` samples and are whole:
 * 1 + ⌊(n - window) / hop⌋ of them. Each is weighted by the periodic Hann window; its power spectrum |X|² goes through `bins`
 * triangular filters on HTK's mel scale, without normalization of their areas; the result is ln(band + offset). This is
 * torchaudio.transforms.MelSpectrogram with center=False and otherwise its defaults, then log (where window < points, the
 * frames are those of tf.signal.stft, which puts zeros after them). It has no parameters. A702 for options that do not go together.
 */
export function logMel(options: LogMelOptions): Layer {
  const complete = checked('logMel', fields(logMelFields), options)
  return {
    kind: 'logMel',
    build: (network, sound) => pictureOf(network, 'logMel', sound, complete),
  }
}

/**
 * Mel-frequency cepstral coefficients: f32[1, n] to f32[1, frames, coefficients, 1], the orthonormal cosine transform (DCT-II) of what
 * `logMel` gives: torchaudio.transforms.MFCC with log_mels=True.
 */
export function mfcc(options: MfccOptions): Layer {
  const schema = fields({ ...logMelFields, coefficients: count(2 ** 10) })
  const complete = checked('mfcc', schema, options)
  const { bins } = complete
  const { coefficients } = options
  if (coefficients > bins) fail('A702', `mfcc: there are ${coefficients} coefficients of ${bins} bins`)
  return {
    kind: 'mfcc',
    build: (network, sound) => pictureOf(network, 'mfcc', sound, complete, coefficients),
  }
}
