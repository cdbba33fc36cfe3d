import { fail } from '../../core/diagnostics/diagnostic.ts'
import type { TypedArray } from '../../core/scalar/dtype.ts'
import type { Sample, Samples } from '../loop/samples.ts'
import type { Augmentation, Layout, Mixing } from './augmentation.ts'
import { below, randomFor, type Random } from './random.ts'

export interface AugmentOptions {
  readonly augmentations: readonly (Augmentation | Mixing)[]
  /** The input that is changed, and how its samples stand in it. */
  readonly input: string
  readonly layout: Layout
  readonly parameters: number
  /** How many classes there are, where targets are to be a probability for each instead of the number of one. */
  readonly softClasses?: number | undefined
  readonly seed: number
}

/**
 * `samples` changed by one augmentation after another. What is drawn is a function of seed, epoch and sample alone. Another sample
 * that is mixed in has been changed before, as it is shown itself.
 * @throws CompileError A702 for an augmentation of another kind of data.
 */
export function augmented(samples: Samples, options: AugmentOptions): Samples {
  const { augmentations, input, layout, parameters, softClasses, seed } = options
  for (const { name, of } of augmentations) {
    if (of !== undefined && of !== layout.kind)
      fail('A702', `augment: ${name} is for ${plural[of]}; the data is ${plural[layout.kind]}`)
    if (of === undefined && layout.kind === 'tokens')
      fail('A702', `augment: ${name} is for f32; the data is tokens, which have nothing between them`)
  }
  if (augmentations.length === 0) return samples

  /** A sample behind the first `count` augmentations. */
  const shown = (index: number, epoch: number, count: number): Later<Shown> => {
    const random = randomFor(index, epoch, seed)
    let result = after(samples.at(index, epoch), ({ inputs, target }): Shown => ({
      values: floatsOf(inputs[input]!),
      target: softClasses === undefined ? target : oneHot(target[0]!, softClasses),
    }))
    for (const [place, augmentation] of augmentations.slice(0, count).entries())
      result = after(result, (own) =>
        'mix' in augmentation
          ? mixed(own, augmentation, random, (other) => shown(other, epoch, place))
          : { ...own, values: augmentation.apply(own.values, layout, random, parameters) },
      )
    return result
  }
  const mixed = (own: Shown, mixing: Mixing, random: Random, show: (index: number) => Later<Shown>): Later<Shown> => {
    if (random() >= mixing.probability) return own
    return after(show(below(random, samples.count)), (other) => {
      const { values, share } = mixing.mix(own.values, other.values, layout, random)
      return { values, target: Array.from(own.target, (t, i) => share * t + (1 - share) * other.target[i]!) }
    })
  }
  return {
    count: samples.count,
    at: (index, epoch) =>
      after(samples.at(index, epoch), ({ inputs }) =>
        after(shown(index, epoch, augmentations.length), ({ values, target }): Sample => {
          return { inputs: { ...inputs, [input]: likeThose(values, inputs[input]!) }, target }
        }),
      ),
  }
}

interface Shown extends Pick<Sample, 'target'> {
  readonly values: Float32Array
}

type Later<T> = T | Promise<T>

const after = <A, B>(value: Later<A>, then: (value: A) => Later<B>): Later<B> =>
  value instanceof Promise ? value.then(then) : then(value)

const floatsOf = (values: TypedArray): Float32Array =>
  values instanceof Float32Array ? values : Float32Array.from(values as ArrayLike<number>, Number)

/** Numbers in an array of the kind of `before`. */
function likeThose(values: Float32Array, before: TypedArray): TypedArray {
  if (before instanceof Float32Array) return values
  return before instanceof BigInt64Array ? BigInt64Array.from(values, BigInt) : Int32Array.from(values)
}

const oneHot = (label: number, classes: number): number[] =>
  Array.from({ length: classes }, (_, k) => (k === label ? 1 : 0))

const plural = {
  picture: 'pictures',
  sound: 'sounds',
  spectrogram: 'spectrograms',
  tokens: 'tokens',
  values: 'other numbers',
} satisfies Record<Layout['kind'], string>
