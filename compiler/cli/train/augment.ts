import type { Settings } from '../../config/schema.ts'
import type { AugmentOptions } from '../../train/index.ts'
import type { Splits } from './data.ts'
import type { Prepared } from './prepare.ts'

/** How many classes there are, where samples are mixed: their targets are a probability for each. Undefined where they are not. */
export async function softClasses(
  { augment = [], distill }: Settings,
  { model, loss }: Pick<Prepared, 'model' | 'loss'>,
): Promise<number | undefined> {
  const { losses, scoreShape } = await import('../../train/index.ts')
  const isMixed = losses[loss].classes && distill?.labels !== false && augment.some((one) => 'mix' in one)
  return isMixed ? scoreShape(model.scores.type.shape)[0] : undefined
}

/** How the training data is changed. A702 for augmentations that do not go with the data. */
export async function augmentOptions(
  settings: Settings,
  prepared: Prepared,
  { preprocess }: Pick<Splits, 'preprocess'>,
): Promise<AugmentOptions | undefined> {
  const { augment = [], seed = 1 } = settings
  const { model } = prepared
  if (augment.length === 0) return undefined
  const { fail } = await import('../../index.ts')
  const { layoutOf, parameterCount, pictureLayout } = await import('../../train/index.ts')
  const [input, ...others] = model.data as [string, ...string[]]
  const { dtype, shape } = model.graph.inputs.find((port) => port.name === input)!.value.type
  const layout = preprocess && 'layout' in preprocess ? pictureLayout(shape, preprocess) : layoutOf(dtype, shape)
  if (others.length > 0 || !layout)
    return fail('A702', `augment: no augmentation is for the input ${[input, ...others].join(', ')} of this model`, {
      hint: 'there are augmentations for pictures, sounds [1, n], spectrograms [1, frames, bins] and tokens [1, n]',
    })
  const mixing = augment.find((one) => 'mix' in one)
  if (mixing && dtype !== 'f32')
    fail('A702', `augment: ${mixing.name} blends numbers of f32; the input ${input} is ${dtype}`)
  return {
    ...{ augmentations: augment, input, layout, parameters: parameterCount(model.parameters), seed },
    softClasses: await softClasses(settings, prepared),
  }
}
