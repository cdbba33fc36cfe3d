import type { PreprocessOptions } from '../../data/index.ts'
import type { Imported, PictureSpec } from '../../index.ts'
import { withScores, type ScoreChoices } from './scores.ts'

/** How a script takes pictures and gives classes. */
export interface PictureChoices extends Pick<ScoreChoices, 'classes'> {
  /** Undefined where no scores of classes are wanted. */
  readonly classify?: ScoreChoices['classify'] | undefined
  /** The input that they are for; true where there is only one. */
  readonly input: string | true | undefined
  readonly preprocess: PreprocessOptions
}

/** Element types of inputs that scripts make of pictures. */
const pictureTypes: readonly string[] = ['f32', 'f64', 'u8', 'i8', 'u16', 'i16', 'u32', 'i32']

const listed = (ports: readonly { readonly name: string }[]): string =>
  ports.map(({ name }) => `"${name}"`).join(', ') || 'none'

/**
 * The model with its preprocessing and the names of its classes, and what of pictures stands in its specification. `onnx` is the model's file. A501
 * where the options do not go with the model, A504 where the input takes no pictures.
 */
export async function withPictures(
  onnx: Uint8Array,
  imported: Imported,
  options: PictureChoices,
  states: Readonly<Record<string, string>> = {},
): Promise<{ readonly source: Imported; readonly pictures: PictureSpec }> {
  const { completePreprocess, withoutEffect } = await import('../../data/preprocess.ts')
  const { fail, preprocessKey } = await import('../../index.ts')
  const inputs = imported.graph.inputs
    .filter(({ name }) => !Object.hasOwn(states, name))
    .map(({ name, value }) => ({ name, ...value.type }))
  const named = options.input === true ? undefined : options.input
  if (named === undefined && inputs.length > 1)
    fail('A501', `--pixels: the model has several inputs: name one of ${listed(inputs)}`)
  const input =
    named === undefined
      ? (inputs[0] ?? fail('A501', '--pixels: the model has no input'))
      : (inputs.find(({ name }) => name === named) ??
        fail('A501', `--pixels: the model has no input "${named}"; it has ${listed(inputs)}`))
  if (!pictureTypes.includes(input.dtype))
    fail('A504', `--pixels: input "${input.name}" is ${input.dtype}; pictures become ${pictureTypes.join(', ')}`)
  const misfit = withoutEffect(options.preprocess, ['pictures'])
  if (misfit !== undefined) fail('A501', misfit)
  const metadata = {
    ...imported.metadata,
    [preprocessKey]: JSON.stringify(completePreprocess(options.preprocess, input)),
  }
  const source = { ...imported, metadata }
  if (options.classify === undefined) return { source, pictures: { input: input.name } }
  if (inputs.length > 1)
    fail('A501', `--classify: a picture is all that classify takes, the model has the inputs ${listed(inputs)}`)
  const scored = await withScores(onnx, source, { classify: options.classify, classes: options.classes }, states)
  return { source: scored.source, pictures: { input: input.name, scores: scored.scores } }
}
