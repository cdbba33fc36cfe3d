import { Option, type Command } from 'commander'
import type { Activation, Imported, ImportOptions, PictureSpec, PortSpec } from '../index.ts'
import { addBoxOptions, boxesOf, type BoxOptions } from './boxes.ts'
import { classNames, parseClasses } from './class-names.ts'
import { formatCount } from './format.ts'
import { preprocessOptions, type PictureOptions } from './quantize-options.ts'

/** What of `attar compile` is for pictures in and classes out. */
export interface PixelOptions extends PictureOptions, BoxOptions {
  /** True where no input is named. */
  pixels?: string | true
  /** True where the model itself must show what its scores are. */
  classify?: Activation | true
  classes?: string
}

export const addPixelOptions = (command: Command): Command =>
  addBoxOptions(command)
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
  if (options.detect !== undefined) {
    if (inputs.length > 1)
      fail('A501', `--detect: a picture is all that detect takes, the model has the inputs ${listed(inputs)}`)
    const preprocess = completePreprocess(all, input)
    const [height, width] = preprocess.layout === 'NCHW' ? input.shape.slice(2) : input.shape.slice(1)
    const boxes = await boxesOf(source, options, { width: width!, height: height! }, states)
    return { source, pictures: { input: input.name, boxes } }
  }
  if (options.classify === undefined) return { source, pictures: { input: input.name } }
  if (inputs.length > 1)
    fail('A501', `--classify: a picture is all that classify takes, the model has the inputs ${listed(inputs)}`)
  const { output, classes } = await scoresOf(source, options.classes, states)
  const activation = await activationOf(onnx, output, options.classify)
  return {
    source: { ...source, names: namesWith(source, output, classes) },
    pictures: { input: input.name, scores: { output, activation } },
  }
}

function namesWith({ names }: Imported, output: string, classes: NonNullable<PortSpec['classes']>) {
  const { inputs = {}, outputs = {} } = names ?? {}
  return { inputs, outputs: { ...outputs, [output]: { ...outputs[output], classes } } }
}

/** The output that has a number for each class, and the names of these. */
async function scoresOf({ graph, names, metadata }: Imported, given: string | undefined, states: object) {
  const { elementCount, fail } = await import('../index.ts')
  const nexts = new Set<string>(Object.values(states))
  const outputs = graph.outputs
    .filter(({ name, value, extents }) => !nexts.has(name) && !extents && /^f(32|64)$/.test(value.type.dtype))
    .map(({ name, value }) => ({ name, count: elementCount(value.type.shape), own: names?.outputs[name]?.classes }))
  const classesGiven = given === undefined ? await classNames(metadata) : await parseClasses(given)
  const fitting = outputs.flatMap(({ name, count, own }) => {
    const classes = classesGiven ?? own
    return classes?.length === count ? [{ output: name, classes }] : []
  })
  if (!classesGiven && outputs.every(({ own }) => !own))
    fail('A501', '--classify: the model does not say what its classes are called: give --classes')
  if (fitting.length === 1) return fitting[0]!
  const sizes = outputs.map(({ name, count }) => `"${name}" with ${count} numbers`).join(', ') || 'none of floats'
  return fail(
    'A501',
    `--classify: ${classesGiven ? `${classesGiven.length} names of classes, and ` : ''}${fitting.length === 0 ? 'no output' : 'several outputs'} with a number for each; outputs are ${sizes}`,
  )
}

/** Operators whose results are as their operand's, for what scores are. */
const passing = ['Identity', 'Reshape', 'Flatten', 'Squeeze', 'Unsqueeze', 'Cast', 'QuantizeLinear', 'DequantizeLinear']
const activationOperators = ['Softmax', 'Sigmoid', 'LogSoftmax']

/** The activation that was asked for. A501 where the model has one itself, or where none was named and the model ends in none. */
async function activationOf(onnx: Uint8Array, output: string, asked: Activation | true): Promise<Activation> {
  const { decodeModel, fail } = await import('../index.ts')
  const makers = new Map(
    decodeModel(onnx).graph.nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)),
  )
  let last = makers.get(output)
  // Each name is left for good, also in a model with a cycle.
  while (last && passing.includes(last.operator)) {
    makers.delete(last.outputs[0]!)
    last = makers.get(last.inputs[0]!)
  }
  const operator = last?.operator ?? 'an input'
  const known = activationOperators.includes(operator)
  if (operator === 'LogSoftmax')
    return asked === 'softmax'
      ? asked
      : fail(
          'A501',
          `--classify: output "${output}" ends in LogSoftmax: give --classify softmax, which makes shares of it`,
        )
  if (known && asked !== true && asked !== 'none')
    fail(
      'A501',
      `--classify ${asked}: output "${output}" ends in ${operator}, so that its numbers are scores already`,
      {
        hint: 'give --classify alone',
      },
    )
  if (!known && asked === true)
    fail('A501', `--classify: output "${output}" ends in ${operator}, which does not tell what its numbers are`, {
      hint: 'give --classify softmax where one class is right, sigmoid where each is right or not, none where the numbers are scores',
    })
  return asked === true ? 'none' : asked
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
