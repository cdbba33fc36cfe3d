import type { Run } from '../core/executor.ts'
import { elementCount } from '../core/shape.ts'
import { tensor, type Tensor } from '../core/tensor.ts'
import { clipGraph, extentOf } from '../features/index.ts'
import { noSoundInput } from './errors.ts'
import type { SoundPreprocess } from './preprocess.ts'
import { resampled } from './resample.ts'
import type { InputType } from './samples.ts'
import type { Sound } from './formats/wav.ts'

/** What makes sounds values of an input. */
export interface SoundReader {
  /** How many samples are taken of a sound, at the rate of the preprocessing. */
  readonly samples: number
  /** The value of the input for a sound; `what` names that. */
  read(sound: Sound, what: string): Tensor
}

/**
 * How sounds become values of `input`. Without features, f32 with one dimension of any length: at the rate, cut after the input's length,
 * or filled up with zeros. With features, so many samples as these take; they are computed as in modules that take sounds, by the baseline,
 * so that they are the same to the bit. A504 where the input takes neither.
 */
export async function soundReader({ rate, features }: SoundPreprocess, input: InputType): Promise<SoundReader> {
  if (!features) {
    checkSoundInput(input)
    const samples = elementCount(input.shape)
    return { samples, read: (sound, what) => tensor('f32', input.shape, resampled(sound, rate, samples, what)) }
  }
  const { samples } = extentOf({ rate, features }, input)
  const run = await prepared(JSON.stringify([rate, features, input.shape]), async () => {
    const { compiledExecutor } = await import('../execute.ts')
    return compiledExecutor.prepare(clipGraph({ rate, features }, input))
  })
  return {
    samples,
    read(sound, what) {
      const heard = tensor('f32', [samples], resampled(sound, rate, samples, what))
      const { dtype, shape, data } = run({ sound: heard })['features']!
      // It is a view that the next run overwrites.
      return tensor(dtype, shape, data.slice())
    },
  }
}

/** Samples of a sound at another rate. */
export const lengthAt = (sound: Sound, rate: number): number => Math.ceil((sound.length * rate) / sound.rate)

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
