import { elementCount } from '../core/shape.ts'
import { tensor, type Tensor } from '../core/tensor.ts'
import { noSoundInput } from './errors.ts'
import { resampled } from './resample.ts'
import type { InputType } from './samples.ts'
import type { Sound } from './wav.ts'

/**
 * A sound as a value of `input`, f32 with one dimension of any length: at `rate`, cut after the input's length, or filled up with
 * zeros. `what` names the sound.
 */
export function soundTensor(sound: Sound, rate: number, input: InputType, what: string): Tensor {
  return tensor('f32', input.shape, resampled(sound, rate, elementCount(input.shape), what))
}

/** A504 where the input takes no sound. */
export function checkSoundInput(input: InputType): void {
  const { dtype, shape } = input
  if (dtype !== 'f32' || shape.filter((d) => d !== 1).length > 1) noSoundInput(input)
}
