import { Option, type Command } from 'commander'
import type { Activation, Imported, ImportOptions, PictureSpec } from '../index.ts'
import { checkClasses } from './class-names.ts'
import { withPictures } from './picture-spec.ts'
import { preprocessOptions, type PictureOptions } from './quantize-options.ts'

/** What of `attar compile` is for pictures in and classes out. */
export interface PixelOptions extends PictureOptions {
  /** True where no input is named. */
  pixels?: string | true
  /** True where the model itself must show what its scores are. */
  classify?: Activation | true
  classes?: string
}

export const addPixelOptions = (command: Command): Command =>
  command
    .option(
      '--pixels [input]',
      'the script takes pictures of any size, RGBA bytes, and makes inputs of them as --resize and so on say',
    )
    .addOption(
      new Option(
        '--classify [activation]',
        'the script has classify(picture), which gives classes with scores: softmax or sigmoid of the output, or none, which is right where the model ends in one',
      ).choices(['softmax', 'sigmoid', 'none'] satisfies readonly Activation[]),
    )
    .option(
      '--classes <names>',
      'what the classes are called: cat,dog, or a file with a name on each line, or a JSON list',
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
  const classes = options.classes === undefined ? undefined : await parseClasses(options.classes)
  const { classify, pixels: input } = options
  return withPictures(onnx, imported, { input, preprocess, classify, classes }, importing.state)
}

/** Names with commas between them, or those in a file: a JSON list, or one on each line. */
async function parseClasses(text: string): Promise<readonly string[]> {
  return checkClasses(text.includes(',') ? text.split(',').map((name) => name.trim()) : await fromFile(text), text)
}

async function fromFile(path: string): Promise<readonly string[]> {
  const { readFile } = await import('../data/files.ts')
  const text = new TextDecoder().decode(readFile(path)).trim()
  if (!text.startsWith('[')) return text.split(/\r?\n/).map((line) => line.trim())
  const { fail, reasonOf } = await import('../index.ts')
  try {
    const value: unknown = JSON.parse(text)
    if (Array.isArray(value) && value.every((name) => typeof name === 'string')) return value
  } catch (error) {
    fail('A502', `"${path}" is no JSON: ${reasonOf(error)}`)
  }
  return fail('A502', `"${path}" is no JSON list of names`)
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
