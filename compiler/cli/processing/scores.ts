import type { Activation, Imported, PictureSpec, PortSpec } from '../../index.ts'
import { classNames } from './class-names.ts'

/** How scores of classes are made of an output. */
export interface ScoreChoices {
  /** True where the model itself must show what its scores are. */
  readonly classify: Activation | true
  /** The model's own unless given. */
  readonly classes?: readonly string[] | undefined
}

/** The model with names of its classes, and which output has their scores. `onnx` is its file. A501 where that cannot be told. */
export async function withScores(
  onnx: Uint8Array,
  source: Imported,
  { classify, classes: given }: ScoreChoices,
  states: Readonly<Record<string, string>>,
): Promise<{ readonly source: Imported; readonly scores: NonNullable<PictureSpec['scores']> }> {
  const { output, classes } = await scoresOf(source, given, states)
  const activation = await activationOf(onnx, output, classify)
  return { source: { ...source, names: namesWith(source, output, classes) }, scores: { output, activation } }
}

/** The names of a model's ports, with classes of an output. */
function namesWith({ names }: Imported, output: string, classes: NonNullable<PortSpec['classes']>) {
  const { inputs = {}, outputs = {} } = names ?? {}
  return { inputs, outputs: { ...outputs, [output]: { ...outputs[output], classes } } }
}

/** The output that has a number for each class, and the names of these. */
async function scoresOf({ graph, names, metadata }: Imported, given: readonly string[] | undefined, states: object) {
  const { elementCount, fail } = await import('../../index.ts')
  const nexts = new Set<string>(Object.values(states))
  const outputs = graph.outputs
    .filter(({ name, value, extents }) => !nexts.has(name) && !extents && /^f(32|64)$/.test(value.type.dtype))
    .map(({ name, value }) => ({ name, count: elementCount(value.type.shape), own: names?.outputs[name]?.classes }))
  const classesGiven = given ?? (await classNames(metadata))
  const fitting = outputs.flatMap(({ name, count, own }) => {
    const classes = classesGiven ?? own
    return classes?.length === count ? [{ output: name, classes }] : []
  })
  if (!classesGiven && outputs.every(({ own }) => !own))
    fail('A501', '--classify: the model does not say what its classes are called: give --classes')
  if (fitting.length === 1) return fitting[0]!
  const sizes = outputs.map(({ name, count }) => `output "${name}" has ${count} numbers`).join(', ')
  const named = classesGiven ? `there are ${classesGiven.length} names of classes` : 'the model names its classes'
  const counts = outputs.length === 0 ? 'the model has no output of floats' : sizes
  return fail(
    'A501',
    fitting.length === 0
      ? `--classify: ${named}, but no output has one number for each; ${counts}`
      : `--classify: ${named}, but several outputs have one number for each: ${fitting.map(({ output }) => `"${output}"`).join(', ')}`,
    fitting.length === 0 && classesGiven
      ? {
          hint: given
            ? 'give as many names to --classes as an output has numbers'
            : 'give names of your own: --classes',
        }
      : {},
  )
}

/** Operators whose results are as their operand's, for what scores are. */
const passing = ['Identity', 'Reshape', 'Flatten', 'Squeeze', 'Unsqueeze', 'Cast', 'QuantizeLinear', 'DequantizeLinear']
const activationOperators = ['Softmax', 'Sigmoid', 'LogSoftmax']

/** The activation that was asked for. A501 where the model has one itself, or where none was named and the model ends in none. */
async function activationOf(onnx: Uint8Array, output: string, asked: Activation | true): Promise<Activation> {
  const { decodeModel, fail } = await import('../../index.ts')
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
