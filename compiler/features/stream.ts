import { Builder } from '../core/builder.ts'
import type { Executor } from '../core/executor.ts'
import { createNode, type Port, type Value } from '../core/graph.ts'
import { tensor, zeros, type Tensor } from '../core/tensor.ts'
import { asInput, extentOf, type FeatureInput, type SoundFeatures } from './clip.ts'
import { noStream, tooManyHops } from './errors.ts'
import type { Features } from './options.ts'
import { featuresOf, framed, normalized } from './pieces.ts'

/** What stays between runs: an input, the output that it becomes, and what it starts as. */
export interface Memory {
  readonly input: Port
  readonly next: Port
  readonly start: Tensor
}

/** What an input takes, of the samples that one run brings and what is kept of those before. */
export interface Stream {
  readonly value: Value
  readonly memories: readonly Memory[]
}

const input = (name: string, shape: readonly number[]): Port => ({
  name,
  value: createNode('input', [], { name, type: { dtype: 'f32', shape } }, undefined).results[0]!,
})

/**
 * Features of the last pieces of a stream, of which `samples` are the newest, `hops` times a hop. The end of the samples is kept, since
 * pieces overlap, and the features of pieces that the model sees again. It starts as if there had been silence. A501 for features that
 * look at a whole sound.
 */
export async function streamFeatures(
  samples: Value,
  hops: number,
  sound: SoundFeatures,
  port: FeatureInput,
  named: (name: string) => string,
  executor: Executor,
): Promise<Stream> {
  const { features, rate } = sound
  const { pieces } = extentOf(sound, port)
  checkStream(features)
  if (hops > pieces) tooManyHops(hops, pieces)
  const b = new Builder(undefined)
  const memories: Memory[] = []
  /** What is kept of `earlier` and `newer` together, and these. */
  const following = (name: string, newer: Value, kept: number, start: Tensor): Value => {
    if (kept === 0) return newer
    const earlier = input(named(name), start.shape)
    const both = b.concatenate([earlier.value, newer], 0)
    const next = b.sliceAxis(both, 0, both.type.shape[0]! - kept, kept)
    memories.push({ input: earlier, next: { name: named(`${name} next`), value: next }, start })
    return both
  }
  const tail = Math.max(0, features.window - features.hop)
  const heard = following('samples', samples, tail, zeros('f32', [tail]))
  const newest = featuresOf(b, framed(b, heard, features, hops), features, rate)
  const all = following('pieces', newest, pieces - hops, await silence(sound, pieces - hops, newest, executor))
  return { value: asInput(b, normalized(b, all, features), features, port), memories }
}

function checkStream({ padding, range, samples }: Features): void {
  if (padding !== 'none') noStream(`padding: ${padding} is of the end of a sound`)
  if (range > 0) noStream('range is of the greatest value of a sound')
  if (samples > 0) noStream('samples is of a whole sound')
}

/** The features of `count` pieces of zeros, as the module itself has them. */
async function silence(
  { features, rate }: SoundFeatures,
  count: number,
  like: Value,
  executor: Executor,
): Promise<Tensor> {
  const bands = like.type.shape[1]!
  const b = new Builder(undefined)
  const piece = input('piece', [1, features.window])
  const run = await executor.prepare({
    inputs: [piece],
    outputs: [{ name: 'features', value: featuresOf(b, piece.value, features, rate) }],
  })
  const row = run({ piece: zeros('f32', [1, features.window]) })['features']!.data as Float32Array
  const data = new Float32Array(count * bands)
  for (let i = 0; i < count; i++) data.set(row, i * bands)
  return tensor('f32', [count, bands], data)
}
