import { resolve } from 'node:path'
import type { Settings } from '../../config/schema.ts'
import type { ImportedModel } from '../../index.ts'
import type { ShapeOptions } from '../options.ts'
import { textsBy, type PictureOptions } from '../compile/quantize-options.ts'
import type { Terminal } from '../terminal.ts'
import { readSplits, type Splits } from '../train/data.ts'
import { tensorsIn } from '../train/module-bytes.ts'
import { prepare, type Prepared } from '../train/prepare.ts'
import { metadataOf } from '../train/results.ts'
import { overridden, readConfig } from '../train/settings.ts'
import { pathOrShare } from '../train/train.ts'
import { preparing } from '../train/splits.ts'
import type { OptimizeOptions } from './options.ts'

/** The model that is to be made smaller, and the data. */
export interface Subject {
  readonly path: string
  /** How a model is trained that says what this one says. */
  readonly settings: Settings
  readonly options: ShapeOptions & PictureOptions
  readonly prepared: Prepared
  readonly data: Splits
  /** For one sample, with what it says of itself when it is used. */
  readonly model: ImportedModel
  readonly calibration: Awaited<ReturnType<typeof tensorsIn>>
}

/** As many show the ranges of a model's values. */
const calibrationSamples = 300

/** Fields of a configuration that say how a model is made smaller, which the command chooses itself. */
const ownFields = ['prune', 'quantize', 'student', 'distill', 'sparsify', 'vocabulary'] as const

/** Reads the model and the data. */
export async function readSubject(path: string, options: OptimizeOptions, terminal: Terminal): Promise<Subject> {
  const { fail, importModel } = await import('../../index.ts')
  const { readFile } = await import('../../data/index.ts')
  const { inferenceOf, startingGraph } = await import('../../train/index.ts')
  const { importOptions } = await import('../options.ts')
  const config: Settings = options.config === undefined ? {} : await readConfig(options.config)
  const odd = ownFields.find((field) => config[field] !== undefined)
  if (odd !== undefined)
    fail('A501', `--config: "${options.config}" has the field ${odd}, which attar compile --train chooses itself`, {
      hint: 'it takes data, preprocess, augment, train and seed from there',
    })
  const { train, val, test, label, epochs, learningRate, seed } = options
  const settings = await overridden(
    // The model that is made smaller learns of what it was.
    { ...ofTraining(config), model: resolve(path), distill: {} },
    {
      ...{ train: train && resolve(train), test: test && resolve(test), label },
      ...{ val: val === undefined ? undefined : placed(val), epochs, learningRate, seed },
      ...(!options.labels && { labels: false }),
    } as Parameters<typeof overridden>[1],
  )
  terminal.status('importing')
  const prepared = await prepare(settings, options)
  prepared.notes.forEach((note) => terminal.err(note))
  const { given, all } = await preparing(settings, options, prepared)
  const learned = settings.data?.train
  const preparation = {
    given,
    all: learned ? await textsBy(all, { tokenizer: options.tokenizer, label: settings.data?.label }, learned) : all,
    front: undefined,
  }
  const data = await readSplits(settings, prepared, preparation, terminal)
  const shapes = inferenceOf(startingGraph(prepared.model).graph, 1).inputs.map(
    ({ name, value }) => [name, value.type.shape] as const,
  )
  const importing = await importOptions(path, options)
  const imported = importModel(readFile(path), { ...importing, shapes: Object.fromEntries(shapes) })
  const metadata = { ...imported.metadata, ...(await metadataOf(prepared, data)) }
  const model = { ...imported, metadata }
  const count = Math.min(calibrationSamples, data.train.count)
  terminal.status('reading samples to calibrate with')
  const calibration = await tensorsIn(data.train, model.graph, count)
  return { path, settings, options, prepared, data, model, calibration }
}

/** What a configuration says of how its network is trained: the model may be what was trained by it before. */
const ofTraining = ({ data, preprocess, augment, train, seed, classes }: Settings): Settings =>
  Object.fromEntries(
    Object.entries({ data, preprocess, augment, train, seed, classes }).filter(([, value]) => value !== undefined),
  )

/** `20%` is a share of the training data. */
function placed(val: string): string | number {
  const found = pathOrShare(val)
  return typeof found === 'string' ? resolve(found) : found
}
