import type { Command } from 'commander'
import type { Imported, ImportOptions, PictureSpec } from '../../index.ts'
import { addBoxOptions, boxesOf, type BoxOptions } from './boxes.ts'
import { formatCount } from '../format.ts'
import { withPictures } from './picture-spec.ts'
import { preprocessOptions, type PictureOptions } from '../compile/quantize-options.ts'
import { addScoreOptions, givenClasses, type ScoreOptions } from './score-options.ts'

/** What of `attar compile` is for pictures in and classes out. */
export interface PixelOptions extends PictureOptions, ScoreOptions, BoxOptions {
  /** True where no input is named. */
  pixels?: string | true
}

export const addPixelOptions = (command: Command): Command =>
  addBoxOptions(
    addScoreOptions(
      command.option(
        '--pixels [input]',
        'the script takes pictures of any size, RGBA bytes, and makes inputs of them as --resize and so on say',
      ),
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
  const { importModel } = await import('../../index.ts')
  const imported = source instanceof Uint8Array ? importModel(source, importing) : source
  const { all: preprocess } = await preprocessOptions(options, imported.metadata)
  const { classify, pixels: input, detect } = options
  if (detect === undefined) {
    const classes = await givenClasses(options)
    return withPictures(onnx, imported, { input, preprocess, classify, classes }, importing.state)
  }
  const seen = await withPictures(onnx, imported, { input, preprocess }, importing.state)
  return withBoxes(seen, { ...options, detect }, importing.state)
}

/** The same of a detector, whose script gives boxes. */
async function withBoxes(
  { source, pictures }: { readonly source: Imported; readonly pictures: PictureSpec },
  options: BoxOptions & Pick<ScoreOptions, 'classes'>,
  states: Readonly<Record<string, string>> = {},
): Promise<{ readonly source: Imported; readonly pictures: PictureSpec }> {
  const { fail, preprocessKey } = await import('../../index.ts')
  const inputs = source.graph.inputs.filter(({ name }) => !Object.hasOwn(states, name))
  if (inputs.length > 1)
    fail('A501', `--detect: a picture is all that detect takes, the model has ${inputs.length} inputs`)
  const { shape } = inputs[0]!.value.type
  const { layout } = JSON.parse(source.metadata[preprocessKey]!) as { layout: string }
  const [height, width] = layout === 'NCHW' ? shape.slice(2) : shape.slice(1)
  const boxes = await boxesOf(source, options, { width: width!, height: height! }, states)
  return { source, pictures: { ...pictures, boxes } }
}

/** For people: what the script does beside the module. */
export function describePictures(
  { input, scores, boxes }: PictureSpec,
  metadata: Readonly<Record<string, string>>,
): string[][] {
  const made = scores && (scores.activation === 'none' ? 'the output' : `${scores.activation} of`)
  return [
    ['pictures', '', `of any size become "${input}": ${metadata.preprocess}`],
    ...(boxes
      ? [
          [
            'boxes',
            formatCount(boxes.parts.reduce((sum, { count }) => sum + count, 0)),
            `at most, of ${boxes.classes.filter((name) => name !== null).length} classes`,
          ],
        ]
      : []),
    ...(scores ? [['classes', '', `scores are ${made} "${scores.output}"`]] : []),
  ]
}
