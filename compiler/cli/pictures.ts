import type { Command } from 'commander'
import type { Imported, ImportOptions, PictureSpec } from '../index.ts'
import { withPictures } from './picture-spec.ts'
import { preprocessOptions, type PictureOptions } from './quantize-options.ts'
import { addScoreOptions, givenClasses, type ScoreOptions } from './score-options.ts'

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
  const { all: preprocess } = await preprocessOptions(options, imported.metadata)
  const classes = await givenClasses(options)
  const { classify, pixels: input } = options
  return withPictures(onnx, imported, { input, preprocess, classify, classes }, importing.state)
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
