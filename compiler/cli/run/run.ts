import { basename, dirname } from 'node:path'
import type { Image, Preprocess, Sound, StringArray } from '../../data/index.ts'
import type { Detection, ModuleSpec, Tensor } from '../../index.ts'
import { formatTable, toJson } from '../format.ts'
import { asIs, checkIdsOption, notEmpty, Repeatable, seedNumber } from '../options.ts'
import { addPictureOptions, preprocessOptions, type PictureOptions } from '../compile/quantize-options.ts'
import type { AddCommand } from '../program.ts'
import { emptyLines, present, structuredValues } from './structured.ts'

type Port = ModuleSpec['inputs'][number]

interface Inputs {
  /** Inputs of any strings, the same in all runs. */
  readonly strings: Readonly<Record<string, StringArray>>
  readonly steps: readonly Readonly<Record<string, Tensor>>[]
  readonly isOne: boolean
}

interface Options extends PictureOptions {
  input?: Readonly<Record<string, string>>
  inputs?: string
  checkIds?: boolean
  seed: number
  output?: string
  json?: boolean
}

const usage = `
An input with one dimension more in front holds several runs, one after another; outputs then have it too.
What a module keeps between runs (compile --state) starts as it was compiled, and goes from each run to the next.`

export const addRun: AddCommand = (program, terminal) => {
  addPictureOptions(program.command('run'))
    .description('Run a compiled model in this process and print its outputs.')
    .argument('<model.wasm>', 'a module that attar compiled')
    .addOption(
      new Repeatable(
        '--input <name=value>',
        'an input: a file (.npy, .pb, .jpg, .png, .wav), numbers such as 1,2,3, strings such as yes,no, or the word random',
        asIs,
      ),
    )
    .option('--inputs <file>', 'inputs by name: .npz')
    .addOption(checkIdsOption())
    .option('--seed <number>', 'seed of random inputs', seedNumber, 1)
    .option('-o, --output <file>', 'write the outputs: .npz, or .npy for one output', notEmpty)
    .option('--json', 'print {"outputs": {NAME: {dtype, shape, data}}}, with the classes where the model names them')
    .addHelpText('after', usage)
    .action(async (path: string, options: Options) => {
      const { checkIds, checkWritable, readFile, writeFiles } = await import('../../data/index.ts')
      const { fail, inspectModule, reader } = await import('../../index.ts')
      const { localInstance } = await import('../../verify/instance.ts')
      const { encodeTensors } = await import('./tensors.ts')
      const { stringsOf } = await import('./named.ts')
      if (options.output !== undefined) checkWritable(dirname(options.output), [basename(options.output)])
      const bytes = readFile(path)
      const { spec: whole } = inspectModule(bytes)
      const { spec, strings, steps, isOne } = await gatherAt(whole, options)
      if (options.checkIds) checkIds(steps, spec.inputs, 'the inputs')
      const instance = localInstance()
      await instance.load(bytes, whole).catch((error: unknown) => {
        if (!(error instanceof WebAssembly.CompileError)) throw error
        const hint = 'modules with relaxed SIMD need Node 22 or newer; the baseline module runs everywhere'
        fail('A502', `this engine does not take "${path}": it has instructions that the engine does not know`, { hint })
      })
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

/** Of a detector that runs on a picture from a file, the size of that. */
async function sizeOfPicture({ pictures }: ModuleSpec, { input = {} }: Options) {
  const file = pictures?.boxes && input[pictures.input]
  const { kindOfFile, readFile, readImage } = await import('../../data/index.ts')
  return file && kindOfFile(file) === 'pictures' ? readImage(readFile(file), `"${file}"`) : undefined
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

/** A picture or sound, prepared as those were that the model was compiled with. */
async function readMedium(spec: ModuleSpec, name: string, file: string, options: Options): Promise<Tensor> {
  const data = await import('../../data/index.ts')
  const { completePreprocess, completeSound, imageTensor, kindOfFile, readFile, readImage, readWav, soundReader } = data
  const { fail } = await import('../../index.ts')
  const what = `"${file}"`
  const input = spec.inputs.find((port) => port.name === name)!
  const { given, all } = await preprocessOptions(options, spec.metadata)
  const kinds = Object.values(options.input ?? {}).flatMap((value) => kindOfFile(value) ?? [])
  const misfit = data.withoutEffect(given, kinds)
  if (misfit !== undefined) fail('A501', misfit)
  if (kindOfFile(file) === 'pictures' && input.encoded)
    return encodedPicture(await readImage(readFile(file), what), input)
  if (kindOfFile(file) === 'pictures')
    return imageTensor(await readImage(readFile(file), what), completePreprocess(all, input), input)
  const heard = readWav(readFile(file), what)
  const rate = all.rate ?? heard.rate
  const ofModule = spec.sound?.input === name
  if (ofModule && Object.keys(given).length > 0)
    fail('A501', `${Object.keys(given).join(', ')}: the module says itself how it takes sounds`)
  // Runs of a stream: as many as the sound fills, and at least one.
  const hop = input.shape[0]!
  const runs =
    ofModule && spec.sound!.hops !== undefined ? Math.max(1, Math.floor(lengthAt(heard, rate) / hop)) : undefined
  const shape = runs === undefined ? input.shape : [runs, hop]
  const read = await soundReader(
    ofModule ? { rate } : completeSound(all, rate),
    runs === undefined ? input : { ...input, shape: [runs * hop] },
  )
  return { ...read(heard, what), shape }
}

/** Pixels as an input takes them that the model would decode itself. A501 for a picture of another size. */
async function encodedPicture({ width, height, channels, data }: Image, { name, shape }: Port): Promise<Tensor> {
  const { fail } = await import('../../index.ts')
  if (height !== shape[0] || width !== shape[1])
    fail('A501', `input "${name}" takes a picture of ${shape[1]} × ${shape[0]} pixels, got ${width} × ${height}`)
  const at = (i: number): number => data[channels === 3 ? i : Math.floor(i / 3)]!
  return { dtype: 'u8', shape, data: Uint8Array.from({ length: width * height * 3 }, (_, i) => at(i)) }
}

const lengthAt = (sound: Sound, rate: number): number => Math.ceil((sound.length * rate) / sound.rate)

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

/** The inputs at the first shape of the module that they fit, and its specification at that shape. A501 where they fit none. */
async function gatherAt(spec: ModuleSpec, options: Options): Promise<Inputs & { readonly spec: ModuleSpec }> {
  const { CompileError, fail, formatType, signaturesOf } = await import('../../index.ts')
  const all = signaturesOf(spec)
  const reasons: unknown[] = []
  for (const signature of all) {
    const own = { ...spec, ...signature }
    try {
      return { ...(await gather(own, options)), spec: own }
    } catch (error) {
      if (!(error instanceof CompileError) || all.length === 1) throw error
      reasons.push(error)
    }
  }
  const messages = reasons.map((error) => (error as Error).message)
  if (new Set(messages).size === 1) throw reasons[0]
  const shapes = all.map(({ inputs }) => inputs.map((port) => `"${port.name}" ${formatType(port)}`).join(', '))
  return fail('A501', `the inputs fit none of the module's shapes, which are ${shapes.join(' and ')}`)
}

/** Completes `given` for optionals: their flags, and zeros for those that are not given. */
async function leaveOut({ inputs, structures }: ModuleSpec, given: Map<string, Tensor>): Promise<void> {
  const { tensorOf, zeros } = await import('../../index.ts')
  const { sequences = [], optionals = [] } = structures?.inputs ?? {}
  for (const { name, present } of optionals) {
    const { elements = [name] } = sequences.find((each) => each.name === name) ?? {}
    const isGiven = elements.some((element) => given.has(element))
    if (!given.has(present)) given.set(present, tensorOf('bool', [], [isGiven ? 1 : 0]))
    const own = isGiven ? [] : inputs.filter((port) => elements.includes(port.name))
    for (const { name: element, dtype, shape } of own) given.set(element, zeros(dtype, shape))
  }
}

/**
 * The module's inputs for each run, from the files that the options name, and whether it is one run whose inputs have no dimension for
 * several. A501 where an input is missing, unknown or doesn't fit.
 */
async function gather(spec: ModuleSpec, options: Options): Promise<Inputs> {
  const { convert, kindOfFile, randomInputs } = await import('../../data/index.ts')
  const { elementCount, fail, formatType, sameShape } = await import('../../index.ts')
  const { readTensor } = await import('./tensors.ts')
  const { readArraysOf, readFreeStrings, readMap, readStrings } = await import('./named.ts')
  const { inputs: free = [], given: made = [] } = spec.strings ?? {}
  const own = new Set([...free.map(({ name }) => name), ...made.map(({ input }) => input)])
  const ports = spec.inputs.filter(({ name }) => !own.has(name))
  const names = [...free, ...ports].map(({ name }) => `"${name}"`).join(', ') || 'none'
  const given = new Map(options.inputs === undefined ? [] : Object.entries(readArraysOf(options.inputs, ports)))
  const random = new Map(Object.entries(randomInputs(ports, options.seed)))
  const strings = free.map((port) => {
    const value = options.input?.[port.name]
    if (value === undefined) return fail('A501', `input "${port.name}" has no value; give its strings by --input`)
    return [port.name, readFreeStrings(value, port)] as const
  })
  for (const [name, file] of Object.entries(options.input ?? {})) {
    if (free.some((port) => port.name === name)) continue
    const port =
      ports.find((each) => each.name === name) ?? fail('A501', `the module has no input "${name}"; it has ${names}`)
    if (file === 'random') given.set(name, random.get(name)!)
    else if (port.labels) given.set(name, readStrings(file, port))
    else if (port.classes && file.startsWith('{')) given.set(name, readMap(file, port))
    else if (kindOfFile(file)) given.set(name, await readMedium(spec, name, file, options))
    else
      given.set(
        name,
        readTensor(file, () => port, name),
      )
  }
  if (
    options.inputs !== undefined &&
    !ports.some(({ name }) => given.has(name) && !Object.hasOwn(options.input ?? {}, name))
  )
    fail('A501', `"${options.inputs}" has no input that the module takes: ${names}`)
  await leaveOut(spec, given)
  const inputs = ports.map((port) => {
    const { name, dtype, shape } = port
    const t = given.get(name) ?? fail('A501', `input "${name}" has no value; the module's inputs are ${names}`)
    const isSingle = sameShape(t.shape, shape)
    const runs = isSingle ? undefined : t.shape[0]
    if (!isSingle && !(runs! > 0 && sameShape(t.shape.slice(1), shape))) {
      fail('A501', `input "${name}" is given as ${formatType(t)}, the module takes ${formatType(port)}`)
    }
    return { name, shape, runs, value: convert(t, dtype, `input "${name}"`) }
  })
  const several = inputs.filter(({ runs }) => runs !== undefined)
  const [first] = several
  const other = several.find(({ runs }) => runs !== first!.runs)
  if (other)
    fail('A501', `input "${first!.name}" holds ${first!.runs} runs, "${other.name}" ${other.runs}`, {
      hint: 'an input without the further dimension is the same in all runs',
    })
  const steps = Array.from({ length: first?.runs ?? 1 }, (_, i) => {
    const each = inputs.map(({ name, shape, runs, value }) => {
      const size = elementCount(shape)
      const data = runs === undefined ? value.data : value.data.subarray(i * size, (i + 1) * size)
      return [name, { dtype: value.dtype, shape, data }] as const
    })
    return Object.fromEntries(each)
  })
  return { strings: Object.fromEntries(strings), steps, isOne: !first }
}
