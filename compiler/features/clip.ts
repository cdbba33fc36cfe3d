import { Builder } from '../core/builder.ts'
import * as f from '../core/scalar/formula.ts'
import { createNode, type Graph, type Value } from '../core/graph.ts'
import { elementCount } from '../core/shape.ts'
import type { TensorType } from '../core/tensor.ts'
import { contradictory, noFeatureInput, otherCount, tooLong } from './errors.ts'
import { contradiction } from './contradiction.ts'
import { bandsOf, type Features } from './options.ts'
import { featuresOf, framed, normalized } from './pieces.ts'

/** A model's input that takes features, and what goes into it. */
export interface FeatureInput extends TensorType {
  readonly name: string
}

/** Features of a sound at `rate` samples a second. */
export interface SoundFeatures {
  readonly rate: number
  readonly features: Features
}

/** How many pieces of a sound an input takes, and of how many samples that is. */
export interface Extent {
  readonly pieces: number
  readonly samples: number
}

/** Samples of a sound, and numbers in all of its pieces. */
const [mostSamples, mostNumbers] = [2 ** 24, 2 ** 26]

/** A501 for features that contradict themselves, A504 where they do not go into the input, A301 for too many samples. */
export function extentOf({ rate, features }: SoundFeatures, input: FeatureInput): Extent {
  const why = contradiction(features, rate)
  if (why !== undefined) contradictory(why)
  const bands = bandsOf(features)
  const count = elementCount(input.shape)
  const axes = input.shape.filter((d) => d !== 1)
  const pieces = count / bands
  const wanted = (features.layout === 'time' ? [pieces, bands] : [bands, pieces]).filter((d) => d !== 1)
  const fits = axes.length <= 1 ? features.layout === 'time' || pieces === 1 : axes.join() === wanted.join()
  if (input.dtype !== 'f32' || !(Number.isInteger(pieces) && pieces >= 1) || !fits) noFeatureInput(input, bands)
  const { window, hop, padding } = features
  const least = padding === 'none' ? (pieces - 1) * hop + window : Math.max(window, (pieces - 1) * hop)
  const samples = features.samples || least
  if (samples > mostSamples) tooLong(`${samples} samples`, mostSamples)
  if (pieces * features.fft > mostNumbers) tooLong(`${pieces} pieces of ${features.fft} points`, mostNumbers)
  const found = padding === 'none' ? Math.floor((samples - window) / hop) + 1 : Math.floor(samples / hop) + 1
  if (found !== pieces) otherCount(samples, found, pieces)
  return { pieces, samples }
}

/** Features [pieces, bands] as the value that the input takes. */
export function asInput(b: Builder, features: Value, { layout }: Features, { shape }: FeatureInput): Value {
  return b.reshape(layout === 'time' ? features : b.transpose(features, [1, 0]), shape)
}

/** What an input takes, of the samples of a whole sound. */
export function clipFeatures(b: Builder, samples: Value, sound: SoundFeatures, input: FeatureInput): Value {
  const { features, rate } = sound
  const { pieces } = extentOf(sound, input)
  const found = featuresOf(b, framed(b, padded(b, samples, features), features, pieces), features, rate)
  const ranged = features.range > 0 ? raised(b, found, features.range) : found
  return asInput(b, normalized(b, ranged, features), features, input)
}

/** The graph that makes an input, `features`, of a sound, f32[samples], `sound`. The preprocessing of data and a module's own are both this. */
export function clipGraph(sound: SoundFeatures, input: FeatureInput): Graph {
  const b = new Builder(undefined)
  const type = { dtype: 'f32', shape: [extentOf(sound, input).samples] } as const
  const samples = createNode('input', [], { name: 'sound', type }, undefined).results[0]!
  return {
    inputs: [{ name: 'sound', value: samples }],
    outputs: [{ name: 'features', value: clipFeatures(b, samples, sound, input) }],
  }
}

/** Half a window before the samples and behind them. */
function padded(b: Builder, samples: Value, { padding, window }: Features): Value {
  const [edge, length] = [window / 2, samples.type.shape[0]!]
  if (padding === 'none') return samples
  if (padding === 'zeros') return b.pad(samples, b.scalar(0, 'f32'), [edge], [edge])
  const mirrored = (from: number): Value => {
    const places = Array.from({ length: edge }, (_, i) => from - i)
    return b.take(samples, b.vector(places, 'i32'), 0)
  }
  return b.concatenate([mirrored(edge), samples, mirrored(length - 2)], 0)
}

function raised(b: Builder, x: Value, range: number): Value {
  const greatest = b.reduce('max', x, [0, 1], true)
  return b.map([x, greatest], (v, top) => f.max(v!, f.sub(top!, range)))
}
