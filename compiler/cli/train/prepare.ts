import type { Settings } from '../../config/schema.ts'
import type { StudentReport } from '../../compress/student/index.ts'
import type { PruneOptions } from '../../compress/prune/index.ts'
import type { FitOptions, LossName, TrainableModel } from '../../train/index.ts'
import type { VocabularyReport } from '../../index.ts'
import { importOptions, type ShapeOptions } from '../options.ts'
import { softClasses } from './augment.ts'
import { distillingOf, type Distilling } from './distill.ts'
import { readPlan } from '../plan.ts'
import type { PictureOptions } from '../compile/quantize-options.ts'
import { preparing } from './splits.ts'
import { keptVocabulary } from './vocabulary.ts'
import { sparsifyOptions } from './sparsify.ts'

/** What is trained. */
export interface Prepared {
  readonly model: TrainableModel
  readonly metadata: Readonly<Record<string, string>>
  readonly loss: LossName
  /** The names of the classes, where the settings give them. */
  readonly classes: readonly string[] | undefined
  readonly distilling: Distilling | undefined
  /** How the model was made smaller before. */
  readonly student: StudentReport | undefined
  /** Which rows its tables of embeddings lost, where the settings say so. */
  readonly vocabulary: VocabularyReport | undefined
  /** What a user should know of it. */
  readonly notes: readonly string[]
}

/** The model to train, as it is or new. */
export async function prepare(settings: Settings, options: ShapeOptions & PictureOptions): Promise<Prepared> {
  const { fail } = await import('../../index.ts')
  const { checkLoss, scoreShape, scoresOf } = await import('../../train/index.ts')
  const { metadata, unused, vocabulary, ...start } = await (settings.model === undefined
    ? network(settings, options)
    : imported(settings.model, settings, options))
  const made =
    settings.student && (await import('../../compress/student/index.ts')).studentOf(start.model, settings.student)
  const model = made?.model ?? start.model
  const loss = settings.train?.loss ?? defaultLoss(model)
  checkLoss(model, loss)
  const { classes } = settings
  const [outputs] = scoreShape(scoresOf(model, loss).type.shape)
  const count = typeof classes === 'number' ? classes : classes?.length
  if (count !== undefined && count !== outputs)
    fail('A702', `there are ${count} classes, and the network gives ${outputs} scores`, {
      hint: 'the last layer of a network has as many units as there are classes',
    })
  const notes = unused.length > 0 ? [`outputs that are not trained, and not written: ${unused.join(', ')}`] : []
  if (loss === 'cross-entropy' && model.activation === undefined)
    notes.push('the model does not end in a softmax: its output is taken for scores, as they are before one')
  const distilling = await distillingOf(settings, options, model, loss)
  if (distilling) notes.push(...distilling.notes)
  const names = typeof classes === 'number' ? distilling?.classes : (classes ?? distilling?.classes)
  return { model, metadata, loss, classes: names, distilling, student: made?.report, vocabulary, notes }
}

async function imported(path: string, settings: Settings, options: ShapeOptions & PictureOptions) {
  const { input, names, classes, seed = 1 } = settings
  const { classesKey, fail } = await import('../../index.ts')
  const { readFile } = await import('../../data/index.ts')
  const { importForTraining, trainableModel } = await import('../../train/index.ts')
  if (input !== undefined) fail('A702', 'input: is for a network; a model says itself what it takes')
  if (names !== undefined) fail('A702', 'names: is for a network; the names of a model stay as they are')
  const count = typeof classes === 'number' ? classes : classes?.length
  const importing = await importOptions(path, options)
  const whole = importForTraining(readFile(path), importing)
  const { all } = await preparing(settings, options, whole)
  const { model, vocabulary } = await keptVocabulary(whole, settings, all)
  const found = trainableModel(model, { ...importing, classes: count, seed })
  // The names of the old last layer's.
  if (count !== undefined) delete found.metadata[classesKey]
  return { ...found, vocabulary }
}

async function network(
  { network, input, names, train, vocabulary, seed = 1 }: Settings,
  { shape, dim, bind }: ShapeOptions,
) {
  const { fail } = await import('../../index.ts')
  const { losses, trainableNetwork } = await import('../../train/index.ts')
  if (shape || dim || bind)
    fail('A702', '--shape, --dim and --bind are for a model; this is a network, whose shapes follow from input')
  if (vocabulary)
    fail('A702', 'vocabulary: is for a model, whose tables have rows; a network has as many as its embedding says')
  if (!network) return fail('A702', 'there is nothing to train: give model or network in the configuration')
  if (input === undefined) return fail('A702', 'input: the network needs the shape of one sample, such as [28, 28, 1]')
  const { activation } = losses[train?.loss ?? 'cross-entropy']
  const { shape: dims, dtype = 'f32' as const } = 'shape' in input ? input : { shape: input }
  const model = trainableNetwork(network, { input: { dtype, shape: dims }, activation, seed, names })
  return { model, metadata: {}, unused: [], vocabulary: undefined }
}

function defaultLoss({ activation, scores }: TrainableModel): LossName {
  if (activation === 'sigmoid') return 'binary-cross-entropy'
  return activation === 'softmax' || scores.type.shape.some((d) => d > 1) ? 'cross-entropy' : 'mean-squared-error'
}

/** How it is trained. `counts` tells how many training samples each class has. */
export async function fitOptions(
  settings: Settings,
  prepared: Prepared,
  counts: readonly number[] | undefined,
): Promise<FitOptions> {
  const { train = {}, seed = 1, sparsify } = settings
  const { model, loss, distilling } = prepared
  const { adamw, sgd } = await import('../../train/index.ts')
  const {
    freeze = [],
    freezeStatistics,
    classWeights,
    optimizer = { name: 'adamw' as const },
    workers: _,
    ...rest
  } = train
  const { name, ...details } = optimizer
  const {
    epochs = 10,
    batch = 32,
    accumulate = 1,
    schedule = 'one-cycle',
    learningRate = name === 'adamw' ? 1e-3 : 1e-2,
  } = train
  const frozen = await parametersCalled(freeze, model)
  return {
    ...rest,
    ...{ epochs, batch, accumulate, schedule, learningRate, loss, seed },
    ...((await softClasses(settings, prepared)) !== undefined && { softTargets: true }),
    ...(distilling && { distillation: distilling.distillation }),
    ...{ frozen, frozenStatistics: freezeStatistics },
    optimizer: name === 'adamw' ? adamw(details) : sgd(details),
    classWeights: classWeights === 'balanced' ? balanced(counts) : classWeights,
    ...(sparsify && {
      sparsify: await sparsifyOptions(sparsify, model, await parametersCalled(sparsify.layers ?? ['*'], model), frozen),
    }),
  }
}

/** How channels are removed, where the settings say so. */
export async function pruneOptions({ prune }: Settings): Promise<PruneOptions | undefined> {
  if (!prune) return undefined
  const {
    importance = 'l2',
    scope = 'global',
    steps = 1,
    epochs = 1,
    from = 'trained',
    plan,
    quantize: _,
    ...targets
  } = prune
  const times = plan === undefined ? undefined : await readPlan(plan)
  return { ...targets, plan: times, importance, scope, steps, epochs, from }
}

/** Names of the parameters that patterns are of; `*` stands for any characters. A702 for a pattern of none. */
async function parametersCalled(patterns: readonly string[], { parameters }: TrainableModel): Promise<Set<string>> {
  const { fail } = await import('../../index.ts')
  const { minimatch } = await import('minimatch')
  const names = parameters.map(({ name }) => name)
  // A name's slash is a character like any other.
  const flat = (text: string): string => text.replaceAll('/', ':')
  const options = { dot: true, nonegate: true, nocomment: true }
  return new Set(
    patterns.flatMap((pattern) => {
      const found = names.filter((name) => minimatch(flat(name), flat(pattern), options))
      if (found.length === 0)
        fail('A702', `no parameter is called "${pattern}"`, { hint: `there are ${names.join(', ')}` })
      return found
    }),
  )
}

/** Weights with which all classes count the same, 1 on average over the samples. */
function balanced(counts: readonly number[] = []): number[] {
  const [total, present] = [counts.reduce((a, b) => a + b, 0), counts.filter((n) => n > 0).length]
  return counts.map((n) => (n === 0 ? 1 : total / (present * n)))
}
