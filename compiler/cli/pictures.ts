import type { Command } from 'commander'
import type { Imported, ImportOptions, PictureSpec } from '../index.ts'
import { preprocessOptions, type PictureOptions } from './quantize-options.ts'
import { addScoreOptions, withScores, type ScoreOptions } from './scores.ts'

/** What of `attar compile` is for pictures in and classes out. */
export interface PixelOptions extends PictureOptions, ScoreOptions {
  /** True where no input is named. */
  pixels?: string | true
}

export const addPixelOptions = (command: Command): Command =>
  addScoreOptions(
    command.option(
      '--pixels [input]',
      'the script takes pictures of any size, RGBA bytes, and makes inputs of them as --resize and so on say',
    ),
  )

/** Element types of inputs that scripts make of pictures. */
const pictureTypes: readonly string[] = ['f32', 'f64', 'u8', 'i8', 'u16', 'i16', 'u32', 'i32']

const listed = (ports: readonly { readonly name: string }[]): string =>
  ports.map(({ name }) => `"${name}"`).join(', ') || 'none'

/** What is compiled, and what of pictures stands in its specification where the options ask for that. `onnx` is the model's file. */
export async function picturesOf(
  onnx: Uint8Array,
  source: Uint8Array | Imported,
  options: PixelOptions,
  importing: ImportOptions & { readonly state?: Readonly<Record<string, string>> | undefined },
): Promise<{ readonly source: Uint8Array | Imported; readonly pictures?: PictureSpec }> {
  if (options.pixels === undefined) return { source }
  const { importModel } = await import('../index.ts')
  const imported = source instanceof Uint8Array ? importModel(source, importing) : source
  return withPictures(onnx, imported, options, importing.state)
}

/**
 * The model with its preprocessing and the names of its classes, and what of pictures stands in its specification. `onnx` is the model's file. A501
 * where the options do not go with the model, A504 where the input takes no pictures.
 */
async function withPictures(
  onnx: Uint8Array,
  imported: Imported,
  options: PixelOptions,
  states: Readonly<Record<string, string>> = {},
): Promise<{ readonly source: Imported; readonly pictures: PictureSpec }> {
  const { completePreprocess, withoutEffect } = await import('../data/index.ts')
  const { fail, preprocessKey } = await import('../index.ts')
  const inputs = imported.graph.inputs
    .filter(({ name }) => !Object.hasOwn(states, name))
    .map(({ name, value }) => ({ name, ...value.type }))
  const named = options.pixels === true ? undefined : options.pixels
  if (named === undefined && inputs.length > 1)
    fail('A501', `--pixels: the model has several inputs: name one of ${listed(inputs)}`)
  const input =
    named === undefined
      ? (inputs[0] ?? fail('A501', '--pixels: the model has no input'))
      : (inputs.find(({ name }) => name === named) ??
        fail('A501', `--pixels: the model has no input "${named}"; it has ${listed(inputs)}`))
  if (!pictureTypes.includes(input.dtype))
    fail('A504', `--pixels: input "${input.name}" is ${input.dtype}; pictures become ${pictureTypes.join(', ')}`)
  const { all } = await preprocessOptions(options, imported.metadata)
  const misfit = withoutEffect(all, ['pictures'])
  if (misfit !== undefined) fail('A501', misfit)
  const metadata = { ...imported.metadata, [preprocessKey]: JSON.stringify(completePreprocess(all, input)) }
  const source = { ...imported, metadata }
  if (options.classify === undefined) return { source, pictures: { input: input.name } }
  if (inputs.length > 1)
    fail('A501', `--classify: a picture is all that classify takes, the model has the inputs ${listed(inputs)}`)
  const scored = await withScores(onnx, source, { ...options, classify: options.classify }, states)
  return { source: scored.source, pictures: { input: input.name, scores: scored.scores } }
}

/** For people: what the script does beside the module. */
export function describePictures(
  { input, scores }: PictureSpec,
  metadata: Readonly<Record<string, string>>,
): string[][] {
  const made = scores && (scores.activation === 'none' ? 'the output' : `${scores.activation} of`)
  return [
    ['pictures', '', `of any size become "${input}": ${metadata.preprocess}`],
    ...(scores ? [['classes', '', `scores are ${made} "${scores.output}"`]] : []),
  ]
}
