import { fail } from '../../core/diagnostic.ts'
import type { TypedArray } from '../../core/dtype.ts'
import type { Samples } from '../samples.ts'
import type { Augmentation, Layout } from './augmentation.ts'
import { randomFor } from './random.ts'

export interface AugmentOptions {
  readonly augmentations: readonly Augmentation[]
  /** The input that is changed, and how its samples stand in it. */
  readonly input: string
  readonly layout: Layout
  readonly parameters: number
  readonly seed: number
}

/**
 * `samples` changed by one augmentation after another. What is drawn is a function of seed, epoch and sample alone.
 * @throws CompileError A702 for an augmentation of another kind of data.
 */
export function augmented(samples: Samples, options: AugmentOptions): Samples {
  const { augmentations, input, layout, parameters, seed } = options
  for (const { name, of } of augmentations)
    if (of !== layout.kind) fail('A702', `augment: ${name} is for ${plural[of]}; the data is ${plural[layout.kind]}`)
  if (augmentations.length === 0) return samples
  const changed = (values: TypedArray, index: number, epoch: number): TypedArray => {
    const random = randomFor(index, epoch, seed)
    const floats = values instanceof Float32Array ? values : Float32Array.from(values as ArrayLike<number>, Number)
    const other = augmentations.reduce((v, { apply }) => apply(v, layout, random, parameters), floats)
    if (values instanceof Float32Array) return other
    return values instanceof BigInt64Array ? BigInt64Array.from(other, BigInt) : Int32Array.from(other)
  }
  return {
    count: samples.count,
    at(index, epoch) {
      const sample = samples.at(index, epoch)
      const other = ({ inputs, target }: Awaited<typeof sample>) => ({
        inputs: { ...inputs, [input]: changed(inputs[input]!, index, epoch) },
        target,
      })
      return sample instanceof Promise ? sample.then(other) : other(sample)
    },
  }
}

const plural = {
  picture: 'pictures',
  sound: 'sounds',
  spectrogram: 'spectrograms',
  tokens: 'tokens',
} satisfies Record<Layout['kind'], string>
