import { join } from 'node:path'
import type { Settings } from '../../config/schema.ts'
import type { FitOptions, LossName, Optimizer, Score, TrainableModel } from '../../train/index.ts'
import { formatCount } from '../format.ts'
import { importOptions, type ShapeOptions } from '../options.ts'
import { pictureOptions, type PictureOptions } from '../quantize-options.ts'
import type { Terminal } from '../terminal.ts'
import { readSplits } from './data.ts'
import { percent, progressOn } from './progress.ts'

/** What a training gave. */
interface TrainRun {
  readonly report: object
  readonly lines: readonly string[]
  readonly interrupted: boolean
}

const checkpointFile = 'checkpoint.npz'

/** Trains as `settings` say, and writes model, report and checkpoint into the folder `output`. */
export async function trainRun(
  settings: Settings,
  options: ShapeOptions & PictureOptions & { readonly resume?: boolean; readonly json?: boolean },
  output: string,
  terminal: Terminal,
): Promise<TrainRun> {
  const { compiledExecutor } = await import('../../execute.ts')
  const { readFile, readNpz, writeFiles, writeNpz } = await import('../../data/index.ts')
  const { fail, preprocessKey } = await import('../../index.ts')
  const api = await import('../../train/index.ts')
  const say = (line: string): void => (options.json ? terminal.err(line) : terminal.out(line))
  const { train: how = {}, seed = 1 } = settings

  terminal.status('importing')
  const { model, metadata } = await prepare(settings, options)
  const scores = model.scores.type.shape.at(-1) ?? 1
  const lossName = how.loss ?? defaultLoss(model, scores)
  const loss = api.losses[lossName]
  const inputs = model.graph.inputs
    .filter(({ name }) => model.data.includes(name))
    .map(({ name, value }) => ({ name, ...value.type }))
  const flags = await pictureOptions(options)
  const pictures = { ...settings.preprocess, ...flags }
  const data = await readSplits(inputs, settings, pictures, loss, scores, terminal)
  if (!data.preprocess && Object.keys(pictures).length > 0)
    fail('A702', `${Object.keys(pictures).join(', ')}: has no effect on data that is not pictures`)
  const { augment = [] } = settings
  if (augment.length > 0 && !data.preprocess)
    fail('A702', 'augment: these augmentations are for pictures', { hint: 'pictures are a folder or an IDX file' })
  const shape = augment.length > 0 && api.pictureShape(inputs[0]!.shape, data.preprocess!.layout)
  const train = shape ? api.augmented(data.train, inputs[0]!.name, shape, augment, seed) : data.train
  const fitting = fitOptions(
    settings,
    lossName,
    data.counts,
    api.adamw,
    api.sgd,
    frozenOf(model, how.freeze ?? [], (message, hint) => fail('A702', message, { hint })),
  )
  const fingerprint = await api.fingerprintOf(model, data.train, {
    ...fitting,
    optimizer: how.optimizer ?? 'adamw',
    augment: augment.map(({ name }) => name),
  })
  const path = join(output, checkpointFile)
  const resumed = options.resume
    ? api.checkpointFrom(readNpz(readFile(path), `"${path}"`), fingerprint, `"${path}"`)
    : undefined

  const abort = new AbortController()
  const stop = (): void => abort.abort()
  process.once('SIGINT', stop)
  const progress = progressOn(terminal, fitting.epochs, say)
  const trained = model.parameters.filter(({ name }) => !fitting.frozen!.has(name))
  const count = (of: TrainableModel['parameters']): number => of.reduce((sum, { start }) => sum + start.data.length, 0)
  say(
    `${formatCount(count(trained))} of ${formatCount(count(model.parameters))} parameters, ${formatCount(data.train.count)} samples to train on, ${formatCount(data.validation.count)} to validate with`,
  )
  terminal.status('compiling the training step')
  const result = await api
    .fit(
      model,
      { train, validation: data.validation },
      fitting,
      compiledExecutor,
      {
        onReady: ({ arena, leastArena, state }) =>
          say(
            `memory of a step: ${formatCount(arena + state)} bytes, parameters and their moments ${formatCount(state)}, activations ${formatCount(arena)} (at least ${formatCount(leastArena)})`,
          ),
        onStep: progress.step,
        onEpoch: progress.epoch,
        onCheckpoint: (checkpoint) =>
          writeFiles(output, { [checkpointFile]: writeNpz(api.checkpointArrays(checkpoint, fingerprint)) }, []),
        signal: abort.signal,
      },
      resumed,
    )
    .finally(() => process.off('SIGINT', stop))

  const { best, history, ended } = result
  const interrupted = ended === 'interrupted'
  // A test set chooses nothing: it is looked at when all is settled.
  let test: Score | undefined
  if (data.test && !interrupted) {
    terminal.status('scoring the test data')
    const tester = await api.scorer(model, Math.min(fitting.batch, data.test.count), loss, {}, compiledExecutor)
    for (const [name, values] of Object.entries(best.values)) tester.state[name]!.set(values as never)
    test = await tester.score(data.test)
  }
  const { graph, names } = api.trainedGraph(model, best.values)
  const { writeBatchedModel } = await import('../../index.ts')
  const classes = data.classes && { classes: JSON.stringify(data.classes) }
  const kept = data.preprocess && { [preprocessKey]: JSON.stringify(data.preprocess) }
  const onnx = await writeBatchedModel((size) => api.inferenceOf(graph, size), {
    names,
    metadata: { ...metadata, ...classes, ...kept },
  })
  const interval = test?.accuracy === undefined ? undefined : api.shareInterval(test.accuracy, data.test!.count)
  const report = {
    ...{ loss: lossName, seed, epochs: history.length, ended, best: { epoch: best.epoch, ...best.validation } },
    samples: {
      train: data.train.count,
      validation: data.validation.count,
      ...(data.test && { test: data.test.count }),
    },
    parameters: { all: count(model.parameters), trained: count(trained) },
    ...(data.classes && { classes: data.classes }),
    ...(test && { test: { ...test, ...(interval && { interval }) } }),
    history,
    settings: { ...settings, network: undefined, augment: augment.map(({ name }) => name) },
  }
  writeFiles(
    output,
    { 'model.onnx': onnx, 'report.json': new TextEncoder().encode(`${JSON.stringify(report, null, 2)}\n`) },
    [],
  )
  const score = ({ loss: lost, accuracy }: Score): string =>
    `loss ${lost.toFixed(4)}${accuracy === undefined ? '' : `, ${percent(accuracy)} right`}`
  const lines = [
    `best epoch ${best.epoch + 1}: validation ${score(best.validation)}`,
    ...(test
      ? [
          `test: ${score(test)}${interval ? ` (95 % interval ${percent(interval[0])} to ${percent(interval[1])}, ${data.test!.count} samples)` : ''}`,
        ]
      : []),
    `${join(output, 'model.onnx')}: ${formatCount(onnx.length)} bytes`,
  ]
  return { report, lines, interrupted }
}

/** The model to train, as it is or new. */
async function prepare(
  settings: Settings,
  options: ShapeOptions,
): Promise<{ model: TrainableModel; metadata: Record<string, string> }> {
  const { fail } = await import('../../index.ts')
  const { trainableNetwork, trainableModel } = await import('../../train/index.ts')
  const { model, network, input, train = {}, seed = 1, classes } = settings
  if (model !== undefined) {
    const { readFile } = await import('../../data/index.ts')
    const importing = await importOptions(model, options)
    return trainableModel(readFile(model), {
      ...importing,
      classes: typeof classes === 'number' ? classes : classes?.length,
      seed,
    })
  }
  if (options.shape || options.dim || options.bind)
    fail('A702', '--shape, --dim and --bind are for a model; this is a network, whose shapes follow from input')
  if (!network) return fail('A702', 'there is nothing to train: give model or network in the configuration')
  if (input === undefined) fail('A702', 'input: the network needs the shape of one sample, such as [28, 28, 1]')
  const type = Array.isArray(input) ? { shape: input } : (input as { shape: number[]; dtype?: 'f32' | 'i32' | 'i64' })
  const activation = {
    'cross-entropy': 'softmax',
    'binary-cross-entropy': 'sigmoid',
    'mean-squared-error': undefined,
  } as const
  return {
    model: trainableNetwork(network, {
      input: { dtype: 'f32', ...type },
      activation: activation[train.loss ?? 'cross-entropy'],
      seed,
    }),
    metadata: {},
  }
}

function defaultLoss({ activation }: TrainableModel, scores: number): LossName {
  if (activation === 'sigmoid') return 'binary-cross-entropy'
  return scores > 1 ? 'cross-entropy' : 'mean-squared-error'
}

/** Names of the parameters that a pattern is of; `*` stands for any characters. */
function frozenOf(
  { parameters }: TrainableModel,
  patterns: readonly string[],
  refuse: (message: string, hint: string) => never,
): Set<string> {
  const escape = (text: string): string => text.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*')
  const names = parameters.map(({ name }) => name)
  return new Set(
    patterns.flatMap((pattern) => {
      const test = new RegExp(`^${escape(pattern)}$`)
      const found = names.filter((name) => test.test(name))
      if (found.length === 0) refuse(`no parameter is called "${pattern}"`, `there are ${names.join(', ')}`)
      return found
    }),
  )
}

function fitOptions(
  { train = {}, seed = 1 }: Settings,
  loss: LossName,
  counts: readonly number[] | undefined,
  adamw: (o: object) => Optimizer,
  sgd: (o: object) => Optimizer,
  frozen: ReadonlySet<string>,
): FitOptions {
  const { name = 'adamw', ...details } = train.optimizer ?? {}
  const { epochs = 10, batch = 32, learningRate = name === 'adamw' ? 1e-3 : 1e-2, schedule = 'one-cycle' } = train
  const { warmup, labelSmoothing, clipNorm, average, patience, freezeStatistics, classWeights } = train
  return {
    ...{
      epochs,
      batch,
      loss,
      learningRate,
      schedule,
      seed,
      frozen,
      warmup,
      labelSmoothing,
      clipNorm,
      average,
      patience,
    },
    optimizer: name === 'adamw' ? adamw(details) : sgd(details),
    frozenStatistics: freezeStatistics,
    classWeights: classWeights === 'balanced' ? balanced(counts) : classWeights,
  }
}

/** Weights with which all classes count the same, 1 on average over the samples. */
function balanced(counts: readonly number[] | undefined): number[] | undefined {
  if (!counts) return undefined
  const [total, present] = [counts.reduce((a, b) => a + b, 0), counts.filter((n) => n > 0).length]
  return counts.map((n) => (n === 0 ? 1 : total / (present * n)))
}
