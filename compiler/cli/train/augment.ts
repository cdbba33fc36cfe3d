import type { Settings } from '../../config/schema.ts'
import type { AugmentOptions } from '../../train/index.ts'
import type { Splits } from './data.ts'
import type { Prepared } from './prepare.ts'

/** How the training data is changed. A702 for augmentations that do not go with the data. */
export async function augmentOptions(
  { augment = [], seed = 1 }: Settings,
  { model }: Prepared,
  { preprocess }: Pick<Splits, 'preprocess'>,
): Promise<AugmentOptions | undefined> {
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
  return { augmentations: augment, input, layout, parameters: parameterCount(model.parameters), seed }
}
