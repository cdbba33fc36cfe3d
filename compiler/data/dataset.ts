import { existsSync, statSync } from 'node:fs'
import { basename, dirname, extname, join } from 'node:path'
import { choose } from '../core/random.ts'
import { toNumbers, type Tensor } from '../core/tensor.ts'
import { readCsv } from './csv.ts'
import { readFile } from './files.ts'
import { listImages } from './image-folder.ts'
import { readImage, type Image } from './image.ts'
import { imagesOf, isIdx, readIdx } from './idx.ts'
import { readJsonLines } from './jsonl.ts'
import { readNpy } from './npy.ts'
import { readNpz } from './npz.ts'
import { completePreprocess, imageTensor, type Preprocess, type PreprocessOptions } from './preprocess.ts'
import { checkSize, defaultLabel, splitSamples, unusedNotes, type Dataset, type InputType } from './samples.ts'
import {
  labelsAreInput,
  noDataset,
  wrongLabelCount,
  picturesNameNoLabels,
  picturesNeedOneInput,
  unevenLabels,
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

/** Whether the data at `path` is pictures, which a `Preprocess` makes inputs of. */
export const holdsPictures = (path: string): boolean => isFolder(path) || isIdx(path)

/**
 * Reads a data set for a model's inputs: `.npz`, `.npy`, `.csv`, `.jsonl`, a folder of pictures (a folder inside for each
 * class, or pictures without classes), or pictures in an IDX file, whose labels are looked for beside it. A504
 * where the data does not go with the inputs, A501 where that cannot be what was asked for, A502 where it cannot be read, A301 for
 * more than 2 GiB.
 */
export async function readDataset(
  path: string,
  inputs: readonly InputType[],
  options: DatasetOptions = {},
): Promise<Dataset> {
  const what = `"${path}"`
  const { label } = options
  const folder = isFolder(path)
  if (label !== undefined && (folder || isIdx(path))) picturesNameNoLabels(what, label)
  if (label !== undefined && inputs.some(({ name }) => name === label)) labelsAreInput(label)
  if (folder) return fromFolder(path, inputs, options)
  if (isIdx(path)) return fromIdx(path, inputs, options)
  switch (extname(path)) {
    case '.npz':
      return limited(fromArrays(readNpz(readFile(path), what), inputs, label, what), options)
    case '.npy':
      return limited(fromArrays({ data: readNpy(readFile(path), what) }, inputs, label, what), options)
    case '.csv':
      return limited(readCsv(readFile(path), inputs, what, label), options)
    case '.jsonl':
      return limited(readJsonLines(readFile(path), inputs, what, label), options)
    default:
      noDataset(what)
  }
}

function chosen(count: number, { limit, seed }: DatasetOptions): number[] {
  return choose(limit ?? count, count, seed ?? 1)
}

function limited({ samples, labels, ...rest }: Dataset, options: DatasetOptions): Dataset {
  const kept = chosen(samples.length, options)
  return { ...rest, samples: kept.map((i) => samples[i]!), ...(labels && { labels: kept.map((i) => labels[i]!) }) }
}

function fromArrays(
  arrays: Readonly<Record<string, Tensor>>,
  inputs: readonly InputType[],
  label: string | undefined,
  what: string,
): Dataset {
  const name = label ?? defaultLabel
  const isInput = inputs.some((input) => input.name === name)
  const y = isInput || !Object.hasOwn(arrays, name) ? undefined : arrays[name]!
  const others = Object.fromEntries(Object.entries(arrays).filter(([other]) => isInput || other !== name))
  const notes: string[] = []
  const { samples, used } = splitSamples(others, inputs, notes)
  const taken = new Set(y ? [...used, name] : used)
  notes.push(...unusedNotes('array', Object.keys(arrays), taken, label, what))
  if (!y) return { samples, notes }
  const values = toNumbers(y)
  const each = values.length / samples.length
  if (!Number.isInteger(each) || each === 0) unevenLabels(name, values.length, samples.length)
  return { samples, labels: samples.map((_, i) => values.slice(i * each, (i + 1) * each)), notes }
}

/** The input that takes pictures, and how. */
function pictureInput(inputs: readonly InputType[], options: DatasetOptions): { input: InputType; how: Preprocess } {
  const [input] = inputs
  if (!input || inputs.length > 1) picturesNeedOneInput(inputs.length)
  return { input, how: completePreprocess(options.preprocess ?? {}, input) }
}

async function fromFolder(folder: string, inputs: readonly InputType[], options: DatasetOptions): Promise<Dataset> {
  const { input, how } = pictureInput(inputs, options)
  const { files, classes } = listImages(folder)
  const kept = chosen(files.length, options).map((i) => files[i]!)
  checkSize(kept.length, [input])
  const samples: Record<string, Tensor>[] = []
  for (const { path } of kept) {
    const image = await readImage(readFile(path), `"${path}"`)
    samples.push({ [input.name]: imageTensor(image, how, input) })
  }
  if (classes.length === 0) return { samples, preprocess: how }
  return { samples, labels: kept.map(({ label }) => [label]), classes, preprocess: how }
}

function fromIdx(path: string, inputs: readonly InputType[], options: DatasetOptions): Dataset {
  const { input, how } = pictureInput(inputs, options)
  const images = imagesOf(readIdx(readFile(path), `"${path}"`), `"${path}"`)
  const kept = chosen(images.count, options)
  checkSize(kept.length, [input])
  const samples = kept.map((i) => ({ [input.name]: imageTensor(images.at(i) as Image, how, input) }))
  const beside = join(dirname(path), basename(path).replace('images', 'labels').replace('idx3', 'idx1'))
  if (beside === path || !existsSync(beside)) return { samples, preprocess: how }
  const labels = readIdx(readFile(beside), `"${beside}"`)
  if (labels.shape.length !== 1 || labels.shape[0] !== images.count) wrongLabelCount(beside, images.count)
  return { samples, labels: kept.map((i) => [labels.data[i]!]), preprocess: how }
}
