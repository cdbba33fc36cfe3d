import type { Run } from '../core/executor.ts'
import { elementCount } from '../core/shape.ts'
import { tensor, type Tensor } from '../core/tensor.ts'
import { clipGraph, extentOf } from '../features/index.ts'
import { noSoundInput } from './errors.ts'
import type { SoundPreprocess } from './preprocess.ts'
import { resampled } from './resample.ts'
import type { InputType } from './samples.ts'
import type { Sound } from './formats/wav.ts'

/** Makes a sound a value of an input; `what` names the sound. */
export type SoundReader = (sound: Sound, what: string) => Tensor

/**
 * How sounds become values of `input`. Without features, f32 with one dimension of any length: at the rate, cut after the input's length,
 * or filled up with zeros. With features, so many samples as these take; they are computed as in modules that take sounds, by the baseline,
 * so that they are the same to the bit. A504 where the input takes neither.
 */
export async function soundReader({ rate, features }: SoundPreprocess, input: InputType): Promise<SoundReader> {
  if (!features) {
    checkSoundInput(input)
    return (sound, what) => tensor('f32', input.shape, resampled(sound, rate, elementCount(input.shape), what))
  }
  const { samples } = extentOf({ rate, features }, input)
  const run = await prepared(JSON.stringify([rate, features, input.shape]), async () => {
    const { compiledExecutor } = await import('../execute.ts')
    return compiledExecutor.prepare(clipGraph({ rate, features }, input))
  })
  return (sound, what) => {
    const heard = tensor('f32', [samples], resampled(sound, rate, samples, what))
    const { dtype, shape, data } = run({ sound: heard })['features']!
    // It is a view that the next run overwrites.
    return tensor(dtype, shape, data.slice())
  }
}

/** The last graph that was compiled: several data sets are read in the same way. */
let last: { readonly key: string; readonly run: Promise<Run> } | undefined

async function prepared(key: string, prepare: () => Promise<Run>): Promise<Run> {
  if (last?.key !== key) last = { key, run: prepare() }
  return last.run
}

function checkSoundInput(input: InputType): void {
  const { dtype, shape } = input
  if (dtype !== 'f32' || shape.filter((d) => d !== 1).length > 1) noSoundInput(input)
}
