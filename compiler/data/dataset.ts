import { existsSync, statSync } from 'node:fs'
import { basename, dirname, extname, join, relative, sep } from 'node:path'
import { choose } from '../core/random/random.ts'
import { toNumbers, type Tensor } from '../core/tensor.ts'
import { readCsv } from './csv.ts'
import { readFile } from './files.ts'
import { listFolder } from './class-folder.ts'
import { readImage, type Image } from './image.ts'
import { imagesOf, isIdx, readIdx } from './idx.ts'
import { readJsonLines } from './jsonl.ts'
import { readNpy } from './formats/npy.ts'
import { readNpz } from './formats/npz.ts'
import { completePreprocess, completeSound, imageTensor, type DataKind, type PreprocessOptions } from './preprocess.ts'
import {
  checkSize,
  defaultLabel,
  splitSamples,
  takesRows,
  unusedNotes,
  type Dataset,
  type InputType,
} from './samples.ts'
import { soundReader } from './sound.ts'
import { readWav } from './formats/wav.ts'
import {
  filesNameNoLabels,
  labelsAreInput,
  needsOneInput,
  noDataset,
  nothingToPad,
  unevenLabels,
  wrongLabelCount,
} from './errors.ts'

export interface DatasetOptions {
  readonly preprocess?: PreprocessOptions | undefined
  /** Take so many samples, by a seeded choice. */
  readonly limit?: number | undefined
  readonly seed?: number | undefined
  /** The array, column or member that holds the labels; `y` unless given. */
  readonly label?: string | undefined
}

const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true

/** What the data at `path` is. A502 for a folder that holds neither pictures nor sounds. */
export function dataKind(path: string): DataKind {
  if (isFolder(path)) return listFolder(path).kind
  return isIdx(path) ? 'pictures' : 'arrays'
}

/** A data set whose samples are read when they are asked for. */
export interface Source extends Omit<Dataset, 'samples'> {
  readonly count: number
  /** The same tensors each time. */
  sample(index: number): Dataset['samples'][number] | Promise<Dataset['samples'][number]>
}

/**
 * Reads a data set for a model's inputs: `.npz`, `.npy`, `.csv`, `.jsonl`, a folder of pictures or of sounds (a folder inside for each
 * class, or files without classes), or pictures in an IDX file, whose labels are looked for beside it. A504
 * where the data does not go with the inputs, A501 where that cannot be what was asked for, A502 where it cannot be read, A301 for
 * more than 2 GiB. With a tokenizer, `.csv` and `.jsonl` hold texts.
 */
export async function readDataset(
  path: string,
  inputs: readonly InputType[],
  options: DatasetOptions = {},
): Promise<Dataset> {
  const { count, sample, labels, ...rest } = await openDataset(path, inputs, options)
  const kept = chosen(count, options)
  checkSize(kept.length, inputs)
  const samples: Dataset['samples'][number][] = []
  for (const i of kept) samples.push(await sample(i))
  return { ...rest, samples, ...(labels && { labels: kept.map((i) => labels[i]!) }) }
}

/** The same, read by need: pictures and sounds are decoded one at a time. A file of arrays is read whole. */
export async function openDataset(
  path: string,
  inputs: readonly InputType[],
  options: Omit<DatasetOptions, 'limit' | 'seed'> = {},
): Promise<Source> {
  const what = `"${path}"`
  const { label, preprocess: { pad, tokenizer } = {} } = options
  const folder = isFolder(path)
  if (label !== undefined && (folder || isIdx(path))) filesNameNoLabels(what, label)
  if (label !== undefined && inputs.some(({ name }) => name === label)) labelsAreInput(label)
  if (folder) return fromFolder(path, inputs, options)
  if (isIdx(path)) return fromIdx(path, inputs, options)
  if (pad !== undefined && !inputs.some(takesRows)) nothingToPad()
  if (tokenizer !== undefined) {
    const { readTexts } = await import('./texts.ts')
    const { samples, ...rest } = readTexts(path, inputs, { tokenizer, pad, label })
    return { ...rest, count: samples.length, sample: (i) => samples[i]! }
  }
  switch (extname(path)) {
    case '.npz':
      return held(fromArrays(readNpz(readFile(path), what), inputs, what, label, pad), pad)
    case '.npy':
      return held(fromArrays({ data: readNpy(readFile(path), what) }, inputs, what, label, pad), pad)
    case '.csv':
      return held(readCsv(readFile(path), inputs, what, label, pad), pad)
    case '.jsonl':
      return held(readJsonLines(readFile(path), inputs, what, label, pad), pad)
    default:
      noDataset(what)
  }
}

const held = ({ samples, ...rest }: Dataset, pad: number | undefined): Source => ({
  ...rest,
  ...(pad !== undefined && { preprocess: { pad } }),
  count: samples.length,
  sample: (i) => samples[i]!,
})

/** The places of the samples that are taken, ascending. */
export const chosen = (count: number, { limit, seed }: Pick<DatasetOptions, 'limit' | 'seed'>): number[] =>
  choose(limit ?? count, count, seed ?? 1)

function fromArrays(
  arrays: Readonly<Record<string, Tensor>>,
  inputs: readonly InputType[],
  what: string,
  label: string | undefined,
  pad: number | undefined,
): Dataset {
  const name = label ?? defaultLabel
  const isInput = inputs.some((input) => input.name === name)
  const y = isInput || !Object.hasOwn(arrays, name) ? undefined : arrays[name]!
  const others = Object.fromEntries(Object.entries(arrays).filter(([other]) => isInput || other !== name))
  const notes: string[] = []
  const { samples, used } = splitSamples(others, inputs, notes, pad)
  const taken = new Set(y ? [...used, name] : used)
  notes.push(...unusedNotes('array', Object.keys(arrays), taken, label, what))
  if (!y) return { samples, notes }
  const values = toNumbers(y)
  const each = values.length / samples.length
  if (!Number.isInteger(each) || each === 0) unevenLabels(name, values.length, samples.length)
  return { samples, labels: samples.map((_, i) => values.slice(i * each, (i + 1) * each)), notes }
}

/** The only input. */
function inputFor(kind: DataKind, inputs: readonly InputType[]): InputType {
  const [input] = inputs
  if (!input || inputs.length > 1) needsOneInput(kind, inputs.length)
  return input
}

async function fromFolder(folder: string, inputs: readonly InputType[], options: DatasetOptions): Promise<Source> {
  const { kind, files, classes } = listFolder(folder)
  const labels = classes.length > 0 && { labels: files.map(({ label }) => [label]), classes }
  const input = inputFor(kind, inputs)
  if (kind === 'sounds') {
    const soundAt = (i: number) => readWav(readFile(files[i]!.path), `"${files[i]!.path}"`)
    // Without a rate that is asked for, it is that of the first file.
    const { preprocess: given = {} } = options
    const preprocess = completeSound(given, given.rate ?? soundAt(0).rate)
    const read = await soundReader(preprocess, input)
    const sample = (i: number) => ({ [input.name]: read(soundAt(i), `"${files[i]!.path}"`) })
    return { count: files.length, sample, preprocess, ...labels }
  }
  const how = completePreprocess(options.preprocess ?? {}, input)
  return {
    count: files.length,
    sample: async (i) => {
      const { path } = files[i]!
      return { [input.name]: imageTensor(await readImage(readFile(path), `"${path}"`), how, input) }
    },
    preprocess: how,
    ...labels,
  }
}

/** The file of labels that goes with pictures in an IDX file, where there is one. */
function labelsBeside(path: string): string | undefined {
  const beside = join(dirname(path), basename(path).replace('images', 'labels').replace('idx3', 'idx1'))
  return beside !== path && existsSync(beside) ? beside : undefined
}

/** All files that data at `path` is read from, with names that do not depend on where it lies. A502 as for `dataKind`. */
export function filesOfData(path: string): readonly { readonly name: string; readonly path: string }[] {
  if (isFolder(path))
    return listFolder(path).files.map((file) => ({
      name: relative(path, file.path).replaceAll(sep, '/'),
      path: file.path,
    }))
  const labels = isIdx(path) ? labelsBeside(path) : undefined
  return [path, ...(labels === undefined ? [] : [labels])].map((file) => ({ name: basename(file), path: file }))
}

function fromIdx(path: string, inputs: readonly InputType[], options: DatasetOptions): Source {
  const input = inputFor('pictures', inputs)
  const how = completePreprocess(options.preprocess ?? {}, input)
  const images = imagesOf(readIdx(readFile(path), `"${path}"`), `"${path}"`)
  const source = {
    count: images.count,
    sample: (i: number) => ({ [input.name]: imageTensor(images.at(i) as Image, how, input) }),
    preprocess: how,
  }
  const beside = labelsBeside(path)
  if (beside === undefined) return source
  const labels = readIdx(readFile(beside), `"${beside}"`)
  if (labels.shape.length !== 1 || labels.shape[0] !== images.count) wrongLabelCount(beside, images.count)
  return { ...source, labels: Array.from(labels.data, (label) => [Number(label)]) }
}
