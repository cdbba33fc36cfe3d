import { InvalidArgumentError, Option, type Command } from 'commander'
import type { Dataset, InputType, Preprocessing, PreprocessOptions } from '../../data/index.ts'
import type { Diagnostic, Metric, Validation } from '../../index.ts'
import { planOrFileOption, pruneOption, type PruneFlag } from './prune-options.ts'
import { checkIdsOption, nonNegative, seedNumber, wholeNumber } from '../options.ts'
import type { Terminal } from '../terminal.ts'
import { addVocabularyOptions, type VocabularyCliOptions } from './vocabulary-options.ts'

const metricNames = ['top1', 'auc', 'mse', 'agreement'] as const satisfies readonly Metric[]

/** How pictures become inputs: a file, or options that override its members. */
export interface PictureOptions {
  preprocess?: string
  resize?: string
  fit?: string
  layout?: string
  channels?: string
  scale?: number
  mean?: readonly number[]
  std?: readonly number[]
}

/** What of `attar compile` makes a model smaller. */
export interface CompressCliOptions extends PictureOptions, VocabularyCliOptions {
  prune?: PruneFlag
  plan?: string | true
  quantize?: 'int8' | 'weights'
  bits?: '3' | '4' | '8'
  maxSize?: string
  calib?: string
  val?: string
  checkIds?: boolean
  label?: string
  samples: number
  metric?: Metric
  maxDrop?: number
  sensitivity: boolean
  seed: number
  force?: boolean
  /** Also without pictures among the data, what is said of them has an effect then. */
  pixels?: string | true
  /** The same of sounds. */
  pcm?: string | true
  /** What texts among the data become ids by. */
  tokenizer?: string
}

function numbers(text: string): number[] {
  const values = text.split(',').map(Number)
  if (text.trim() === '' || values.some((v) => !Number.isFinite(v)))
    throw new InvalidArgumentError('It is not a number, or several with commas between them.')
  return values
}

function oneNumber(text: string): number {
  const [value, ...others] = numbers(text)
  if (others.length > 0) throw new InvalidArgumentError('It is one number.')
  return value!
}

/** More than anyone has, and few enough to count on. */
export const sampleCount = wholeNumber(1, 1_000_000)

/** `1%` or `0.01`. */
export function share(text: string): number {
  return text.endsWith('%') ? nonNegative(text.slice(0, -1)) / 100 : nonNegative(text)
}

export const metricOption = (): Option =>
  new Option('--metric <metric>', 'what accuracy is: of top1, auc, mse, agreement').choices(metricNames)

export const labelOption = (): Option =>
  new Option('--label <name>', 'the array, column or member of the data that holds the labels (default: y)')

export const addPictureOptions = (command: Command): Command =>
  command
    .option(
      '--preprocess <file>',
      'JSON file that says how data becomes inputs. Pictures: the seven options that follow, which override it. Sounds: "rate", samples a second, and "features" of them. Rows of ids: "pad", the id that fills up shorter rows. Texts: "tokenizer", the file of one.',
    )
    .option('--resize <filter>', 'nearest, bilinear, antialias (default)')
    .option(
      '--fit <fit>',
      'stretch (default), crop to the proportions, or letterbox: the whole picture, with gray beside it',
    )
    .option('--layout <layout>', 'NCHW or NHWC')
    .option('--channels <order>', 'RGB, BGR or gray')
    .option('--scale <number>', 'of bytes, before mean and std (default: 1/255)', oneNumber)
    .option('--mean <numbers>', 'subtracted, one or one for each channel', numbers)
    .option('--std <numbers>', 'divided by, one or one for each channel', numbers)

export const addCompressOptions = (command: Command): Command =>
  addPictureOptions(
    addVocabularyOptions(command)
      .addOption(pruneOption())
      .addOption(planOrFileOption())
      .addOption(
        new Option('--quantize <mode>', 'integers of 8 bits: int8, or weights for those alone').choices([
          'int8',
          'weights',
        ]),
      )
      .addOption(new Option('--bits <number>', 'of --quantize weights: 8 (default), 4, or 3').choices(['3', '4', '8']))
      .option(
        '--calib <data>',
        'inputs like those to come: .npz, .npy, .csv, .jsonl, IDX, a folder of pictures or sounds',
      )
      .option('--samples <number>', 'calibration samples to use', sampleCount, 300)
      .option('--val <data>', 'inputs to measure accuracy on (default: what calibration leaves over)')
      .addOption(checkIdsOption())
      .addOption(labelOption())
      .addOption(metricOption())
      .option(
        '--max-drop <share>',
        'e.g. 1%: layers go back to weights of more bits in f32 arithmetic, then to f32, until no more is lost',
        share,
      )
      .option('--no-sensitivity', 'do not measure what each layer alone does to the outputs')
      .option('--seed <number>', 'of all that is chosen at random', seedNumber, 1)
      .option('--force', 'take --calib random, which tells nothing about the ranges of real data'),
  )

/** How data becomes inputs. */
export interface Preprocessed {
  /** By the options, those of the file included. */
  readonly given: PreprocessOptions
  /** With what the model says of itself. */
  readonly all: PreprocessOptions
  /** A511 where the two contradict each other. */
  readonly warnings: readonly Diagnostic[]
}

export async function preprocessOptions(
  options: PictureOptions,
  metadata: Readonly<Record<string, string>>,
): Promise<Preprocessed> {
  const { otherwise, parsePreprocess, readFile } = await import('../../data/index.ts')
  const { preprocessKey } = await import('../../index.ts')
  const own = metadata[preprocessKey]
  const names = ['resize', 'fit', 'layout', 'channels', 'scale', 'mean', 'std'] as const
  const said = Object.fromEntries(names.flatMap((name) => (options[name] === undefined ? [] : [[name, options[name]]])))
  const { preprocess } = options
  const stored =
    preprocess === undefined ? {} : parsePreprocess(new TextDecoder().decode(readFile(preprocess)), `"${preprocess}"`)
  const given = { ...stored, ...parsePreprocess(JSON.stringify(said), 'the command line') }
  const ofModel = own === undefined ? {} : parsePreprocess(own, 'the model’s metadata')
  if (ofModel.tokenizer !== undefined) {
    // A model is not asked which files are read.
    const { fail } = await import('../../index.ts')
    fail('A501', 'the model’s metadata names a file for the tokenizer', { hint: 'name it in --preprocess' })
  }
  const other = otherwise(ofModel, given)
  const message = `the model says of itself that its inputs are prepared in another way: ${other.join('; ')}`
  const hint = 'leave out what differs: then it is as the model says'
  return {
    given,
    all: { ...ofModel, ...given },
    warnings: other.length > 0 ? [{ code: 'A511', message, hint }] : [],
  }
}

/**
 * The same for the data at `path`: texts in it become ids by the tokenizer that the script gets, unless another is named, which must be
 * the same file: A501.
 */
export async function textsBy(
  preprocess: PreprocessOptions,
  { tokenizer, label }: { readonly tokenizer?: string | undefined; readonly label?: string | undefined },
  path: string,
): Promise<PreprocessOptions> {
  if (tokenizer === undefined) return preprocess
  const { readFile } = await import('../../data/index.ts')
  if (preprocess.tokenizer !== undefined) {
    const { fail } = await import('../../index.ts')
    const [own, other] = [tokenizer, preprocess.tokenizer].map((file) => Buffer.from(readFile(file)))
    if (!own!.equals(other!))
      fail('A501', `--preprocess names the tokenizer "${preprocess.tokenizer}", --tokenizer is "${tokenizer}"`, {
        hint: 'leave it out of --preprocess: texts among the data become ids by --tokenizer',
      })
    return preprocess
  }
  const { holdsTexts } = await import('../../data/texts.ts')
  return holdsTexts(path, label) ? { ...preprocess, tokenizer } : preprocess
}

export interface Data {
  readonly calibration: Dataset['samples']
  readonly validation: Validation | undefined
  readonly preprocess: Preprocessing | undefined
}

/** More samples than this do not make a figure much surer. */
const heldOut = 1000

/** Gives those of the samples that stand at places, with what they lack of a model with states. */
export type Carry = (samples: Dataset['samples'], kept: readonly number[]) => Promise<Dataset['samples']>

/** `inputs` are those that the data has; with states `carry` adds the others. */
export async function readData(
  inputs: readonly InputType[],
  options: CompressCliOptions,
  metadata: Readonly<Record<string, string>>,
  carry: Carry | undefined,
  terminal: Terminal,
): Promise<Data> {
  const { chosen, dataKind, randomSamples, readDataset, withoutEffect } = await import('../../data/index.ts')
  const { fail } = await import('../../index.ts')
  const { calib, val, label, samples: limit, seed, force, quantize } = options
  const { given: said, all: preprocess } = await preprocessOptions(options, metadata)
  const paths = [calib, val].flatMap((path) => (path === undefined || path === 'random' ? [] : [path]))
  const misfit = withoutEffect(said, [
    ...paths.map(dataKind),
    ...(options.pixels === undefined ? [] : ['pictures' as const]),
    ...(options.pcm === undefined ? [] : ['sounds' as const]),
  ])
  if (misfit !== undefined) fail('A501', misfit)
  const read = async (path: string, some: { limit?: number; label?: string | undefined }): Promise<Dataset> => {
    const how = { preprocess: await textsBy(preprocess, options, path), seed }
    if (!carry) return readDataset(path, inputs, { ...how, ...some })
    // All steps of the sequence are run, also where few are kept.
    const { samples, labels, ...rest } = await readDataset(path, inputs, { ...how, label: some.label })
    const kept = chosen(samples.length, { limit: some.limit, seed })
    return { ...rest, samples: await carry(samples, kept), ...(labels && { labels: kept.map((i) => labels[i]!) }) }
  }
  const isData = calib !== undefined && calib !== 'random'
  if (label !== undefined && val === undefined && !isData)
    fail('A501', '--label needs data to measure accuracy on: --val, or what --calib leaves over')
  const given = val === undefined ? undefined : await read(val, { label })
  given?.notes?.forEach((note) => terminal.err(note))
  if (calib === undefined && quantize === 'int8')
    fail('A501', '--quantize int8 needs --calib: inputs that show the ranges of the model’s values')
  if (calib === 'random') {
    if (!force)
      fail('A501', '--calib random: random inputs do not show the ranges that real ones have', {
        hint: '--force takes them all the same, e.g. to try the speed of a quantized model',
      })
    const random = randomSamples(inputs, limit, seed)
    const calibration = carry ? await carry(random, chosen(limit, { seed })) : random
    return { calibration, validation: given, preprocess: given?.preprocess }
  }
  if (calib === undefined) return { calibration: [], validation: given, preprocess: given?.preprocess }
  // Without validation data, what calibration does not take is measured on, at least a third.
  const own = given ? { limit } : { limit: limit + heldOut, label }
  const all = await read(calib, own)
  // Labels of data that calibrates alone are nobody's business.
  all.notes?.filter((note) => !given?.notes?.includes(note)).forEach((note) => terminal.err(note))
  if (given) return { calibration: all.samples, validation: given, preprocess: all.preprocess ?? given.preprocess }
  const { calibration, validation } = split(all, limit, seed)
  return { calibration, validation, preprocess: all.preprocess }
}

/** Interleaved, so that data that is sorted by class gives both parts all classes. */
function split({ samples, labels }: Dataset, limit: number, seed: number): Omit<Data, 'preprocess'> {
  const count = Math.min(limit, Math.ceil((samples.length * 2) / 3))
  const next = (i: number): number => Math.floor(((i + (seed % 97) / 97) * samples.length) / count)
  const chosen = new Set(Array.from({ length: count }, (_, i) => Math.min(samples.length - 1, next(i))))
  const rest = samples.map((_, i) => i).filter((i) => !chosen.has(i))
  if (rest.length === 0) return { calibration: samples, validation: undefined }
  const validation = { samples: rest.map((i) => samples[i]!), ...(labels && { labels: rest.map((i) => labels[i]!) }) }
  return { calibration: [...chosen].map((i) => samples[i]!), validation }
}
