import type { PreprocessOptions } from '../data/index.ts'
import type { Activation, Imported, PictureSpec, PortSpec } from '../index.ts'
import { classNames } from './class-names.ts'

/** How a script takes pictures and gives classes. */
export interface PictureChoices {
  /** The input that they are for; true where there is only one. */
  readonly input: string | true | undefined
  readonly preprocess: PreprocessOptions
  /** True where the model itself must show what its scores are. */
  readonly classify?: Activation | true | undefined
  /** The model's own unless given. */
  readonly classes?: readonly string[] | undefined
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
  const { completePreprocess, withoutEffect } = await import('../data/preprocess.ts')
  const { fail, preprocessKey } = await import('../index.ts')
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
async function scoresOf({ graph, names, metadata }: Imported, given: readonly string[] | undefined, states: object) {
  const { elementCount, fail } = await import('../index.ts')
  const nexts = new Set<string>(Object.values(states))
  const outputs = graph.outputs
    .filter(({ name, value, extent }) => !nexts.has(name) && !extent && /^f(32|64)$/.test(value.type.dtype))
    .map(({ name, value }) => ({ name, count: elementCount(value.type.shape), own: names?.outputs[name]?.classes }))
  const classesGiven = given ?? (await classNames(metadata))
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
