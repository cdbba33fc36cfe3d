import { basename, dirname } from 'node:path'
import type { Preprocess, StringArray } from '../../data/index.ts'
import type { Detection, ModuleSpec, Tensor } from '../../index.ts'
import { formatTable, toJson } from '../format.ts'
import { asIs, checkIdsOption, notEmpty, Repeatable, seedNumber } from '../options.ts'
import { addPictureOptions } from '../compile/quantize-options.ts'
import type { AddCommand } from '../program.ts'
import type { GatherOptions } from './gather.ts'
import { emptyLines, present, structuredValues } from './structured.ts'

interface Options extends GatherOptions {
  text?: string
  pair?: string
  checkIds?: boolean
  output?: string
  json?: boolean
}

const usage = `
An input with one dimension more in front holds several runs, one after another; outputs then have it too.
What a module keeps between runs (compile --state) starts as it was compiled, and goes from each run to the next.`

export const addRun: AddCommand = (program, terminal) => {
  addPictureOptions(program.command('run'))
    .description('Run a compiled model in this process and print its outputs.')
    .argument('<model>', 'a module that attar compiled, or the folder of one model')
    .addOption(
      new Repeatable(
        '--input <name=value>',
        'an input: a file (.npy, .pb, .jpg, .png, .wav), numbers such as 1,2,3, strings such as yes,no, or the word random',
        asIs,
      ),
    )
    .option('--inputs <file>', 'inputs by name: .npz')
    .option('--text <text>', 'of a model that was compiled with --tokenizer: the text, by the script beside the module')
    .option('--pair <text>', 'of --text: a second text, such as the answer to a question')
    .addOption(checkIdsOption())
    .option('--seed <number>', 'seed of random inputs', seedNumber, 1)
    .option('-o, --output <file>', 'write the outputs: .npz, or .npy for one output', notEmpty)
    .option('--json', 'print {"outputs": {NAME: {dtype, shape, data}}}, with the classes where the model names them')
    .addHelpText('after', usage)
    .action(async (path: string, options: Options) => {
      const { checkIds, checkWritable, readFile, writeFiles } = await import('../../data/index.ts')
      const { fail, inspectModule, reader } = await import('../../index.ts')
      const { localInstance } = await import('../../verify/instance.ts')
      const { moduleAt } = await import('../modules.ts')
      const { gatherAt } = await import('./gather.ts')
      const { sizeOfPicture } = await import('./media.ts')
      const { encodeTensors } = await import('./tensors.ts')
      const { stringsOf } = await import('./named.ts')
      const { textInputs } = await import('./text.ts')
      if (options.output !== undefined) checkWritable(dirname(options.output), [basename(options.output)])
      const { file, script } = moduleAt(path)
      const bytes = readFile(file)
      const { spec: whole } = inspectModule(bytes)
      const instance = localInstance()
      await instance.load(bytes, whole).catch((error: unknown) => {
        if (!(error instanceof WebAssembly.CompileError)) throw error
        const hint = 'modules with relaxed SIMD need Node 22 or newer; the baseline module runs everywhere'
        fail('A502', `this engine does not take "${file}": it has instructions that the engine does not know`, { hint })
      })
      const encoded = options.text === undefined ? {} : await textInputs(bytes, whole, script, options.text, options)
      const { spec, strings, steps, isOne, notes } = await gatherAt(whole, options, encoded)
      notes.forEach((note) => terminal.err(note))
      if (options.checkIds) checkIds(steps, spec.inputs, 'the inputs')
      const pictureSize = await sizeOfPicture(spec, options)
      const results: Record<string, Tensor>[] = []
      const texts: Readonly<Record<string, StringArray>>[] = []
      for (const inputs of steps) {
        results.push(await instance.run(inputs, strings))
        texts.push(instance.texts())
      }
      // States are among the results, too.
      const all: Record<string, Tensor | StringArray> = {}
      for (const { name, labels } of spec.outputs) {
        if (spec.strings?.taken.includes(name)) continue
        const tensor = isOne ? results[0]![name]! : await stacked(name, results)
        const value = labels ? stringsOf(tensor, labels) : tensor
        Object.defineProperty(all, name, { value, enumerable: true })
      }
      for (const { name } of spec.strings?.outputs ?? []) {
        const value = isOne ? texts[0]![name]! : await stackedStrings(name, texts)
        Object.defineProperty(all, name, { value, enumerable: true })
      }
      // Of several runs, one may give a value and another not: then flags tell.
      const { tensors: outputs, absent } = isOne ? present(spec, all) : { tensors: all, absent: [] }
      const { output, json } = options
      if (output !== undefined) writeFiles(dirname(output), { [basename(output)]: encodeTensors(output, outputs) })
      const values = (t: Tensor | StringArray): { dtype: string; count: number; at: (i: number) => unknown } =>
        'strings' in t
          ? { dtype: 'string', count: t.strings.length, at: (i) => t.strings[i]! }
          : { dtype: t.dtype, count: t.data.length, at: reader(t) }
      const first = (t: Tensor | StringArray, most: number): unknown[] => {
        const { count, at } = values(t)
        return Array.from({ length: Math.min(count, most) }, (_, i) => at(i))
      }
      const entries = Object.entries(outputs)
      const found = pictureSize && isOne ? await detections(spec, outputs, pictureSize) : undefined
      const named = isOne ? await classesOf(spec) : undefined
      if (json) {
        const plain = entries.map(([name, t]) => {
          const classes = named?.output === name ? named.classes : undefined
          return [
            name,
            { dtype: values(t).dtype, shape: t.shape, data: first(t, Infinity), ...(classes && { classes }) },
          ] as const
        })
        terminal.out(toJson({ outputs: structuredValues(spec, plain, absent), ...(found && { boxes: found }) }))
        return
      }
      for (const [name, t] of entries) {
        const { dtype, count } = values(t)
        const shown = first(t, 10).map((v) => (dtype === 'f32' ? Number(v).toPrecision(7) : String(v)))
        const rest = count > shown.length ? ', …' : ''
        terminal.out(`${name} ${dtype}[${t.shape.join(',')}] ${shown.join(', ')}${rest}`)
      }
      for (const line of emptyLines(spec, absent)) terminal.out(line)
      if (named) terminal.out(await classLines(named, outputs[named.output] as Tensor))
      if (found) terminal.out(boxLines(found))
    })
}

/** The output that has a number for each class of the model, and what makes scores of it. */
async function classesOf({ outputs, metadata, pictures, text }: ModuleSpec) {
  const { elementCount } = await import('../../index.ts')
  const { classNames } = await import('../processing/class-names.ts')
  const own = await classNames(metadata)
  const scores = pictures?.scores ?? text?.scores
  const fitting = outputs.flatMap(({ name, dtype, shape, extents, classes = own }) =>
    /^f(32|64)$/.test(dtype) && !extents && classes?.length === elementCount(shape) && (scores?.output ?? name) === name
      ? [{ output: name, classes, activation: scores?.activation ?? 'none' }]
      : [],
  )
  return fitting.length === 1 ? fitting[0] : undefined
}

/** Classes that are shown. */
const topClasses = 5

async function classLines(
  { output, classes, activation }: NonNullable<Awaited<ReturnType<typeof classesOf>>>,
  { data }: Tensor,
): Promise<string[]> {
  const { ranked } = await import('../../index.ts')
  const best = ranked(data as Float32Array, classes, activation, { top: topClasses })
  const title = activation === 'none' ? output : `${activation} of ${output}`
  const rest = classes.length - best.length
  return [
    ...formatTable([['class', title], ...best.map(({ label, score }) => [label, score.toPrecision(4)])]),
    ...(rest > 0 ? [`and ${rest} more`] : []),
  ]
}

async function detections(
  { pictures, inputs, metadata }: ModuleSpec,
  outputs: Readonly<Record<string, Tensor | StringArray>>,
  size: { readonly width: number; readonly height: number },
): Promise<Detection[]> {
  const { axesOf, boxesIn } = await import('../../index.ts')
  const { layout, fit } = JSON.parse(metadata.preprocess!) as Preprocess
  const input = inputs.find(({ name }) => name === pictures!.input)!
  const data = Object.fromEntries(Object.entries(outputs).flatMap(([name, t]) => ('data' in t ? [[name, t.data]] : [])))
  return boxesIn(data, pictures!.boxes!, size, axesOf(input.shape, layout), fit)
}

const boxLines = (found: readonly Detection[]): string[] =>
  formatTable([
    ['boxes', 'score', 'x', 'y', 'width', 'height'],
    ...found.map(({ label, score, box }) => [
      label,
      score.toFixed(3),
      ...[box.x, box.y, box.width, box.height].map((n) => n.toFixed(1)),
    ]),
  ])

/** The same of strings. */
async function stackedStrings(
  name: string,
  texts: readonly Readonly<Record<string, StringArray>>[],
): Promise<StringArray> {
  const { fail, sameShape } = await import('../../index.ts')
  const all = texts.map((text) => text[name]!)
  const { shape } = all[0]!
  if (!all.every((each) => sameShape(each.shape, shape)))
    fail('A501', `output "${name}" is of another shape in each run, so that runs cannot be given together`)
  return { shape: [all.length, ...shape], strings: all.flatMap(({ strings }) => strings) }
}

/** An output of several runs, with these as its first dimension. */
async function stacked(name: string, results: readonly Record<string, Tensor>[]): Promise<Tensor> {
  const { fail, sameShape } = await import('../../index.ts')
  const all = results.map((result) => result[name]!)
  const { dtype, shape, data } = all[0]!
  if (all.some((t) => !sameShape(t.shape, shape)))
    fail('A501', `output "${name}" is of another length in each run, so that runs cannot be given together`)
  const values = new (data.constructor as new (length: number) => Tensor['data'])(all.length * data.length)
  all.forEach((t, i) => values.set(t.data as never, i * data.length))
  return { dtype, shape: [all.length, ...shape], data: values }
}
