import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import type { Settings } from '../../config/schema.ts'
import type { Checkpoint, Fit, FitHooks, FitOptions, TrainableModel } from '../../train/index.ts'
import { formatCount } from '../format.ts'
import type { ShapeOptions } from '../options.ts'
import { pictureOptions, type PictureOptions } from '../quantize-options.ts'
import type { Terminal } from '../terminal.ts'
import { readSplits, type Splits } from './data.ts'
import { fitOptions, prepare, type Prepared } from './prepare.ts'
import { progressOn } from './progress.ts'
import { describe, modelOf, reportOf, type Results, type TestScore } from './results.ts'

interface RunOptions extends ShapeOptions, PictureOptions {
  readonly resume?: boolean
  readonly json?: boolean
}

const checkpointFile = 'checkpoint.npz'

/** What a training starts from: the model, the data, how it is trained, the fingerprint of all that, a checkpoint to go on from. */
export async function setUp(settings: Settings, options: RunOptions, output: string, terminal: Terminal) {
  terminal.status('importing')
  const prepared = await prepare(settings, options)
  prepared.notes.forEach((note) => terminal.err(note))
  const data = await readSplits(settings, prepared, await pictures(settings, options), terminal)
  const fitting = await fitOptions(settings, prepared, data.counts)
  return { prepared, data, fitting, ...(await trainingData(settings, prepared, data, fitting, options, output)) }
}

/** Trains as `settings` say, and writes model, report and checkpoint into the folder `output`. */
export async function trainRun(settings: Settings, options: RunOptions, output: string, terminal: Terminal) {
  const { writeFiles } = await import('../../data/index.ts')
  const say = (line: string): void => (options.json ? terminal.err(line) : terminal.out(line))

  const { prepared, data, fitting, train, fingerprint, resumed } = await setUp(settings, options, output, terminal)
  const count = (of: TrainableModel['parameters']): number => of.reduce((sum, { start }) => sum + start.data.length, 0)
  const { parameters: all } = prepared.model
  const parameters = { all: count(all), trained: count(all.filter(({ name }) => !fitting.frozen?.has(name))) }
  say(
    `${formatCount(parameters.trained)} of ${formatCount(parameters.all)} parameters, ${formatCount(train.count)} samples to train on, ${formatCount(data.validation.count)} to validate with`,
  )
  terminal.status('compiling the training step')
  const progress = progressOn(terminal, fitting.epochs, say)
  const fit = await interruptible((signal) =>
    fitted(prepared, { ...data, train }, fitting, resumed, {
      signal,
      onReady: ({ arena, leastArena, state }) =>
        say(
          `memory of a step: ${formatCount(arena + state)} bytes, parameters and their moments ${formatCount(state)}, activations ${formatCount(arena)} (at least ${formatCount(leastArena)})`,
        ),
      onStep: (event) => {
        progress.step(event)
        // Ctrl-C is an event of the process, which waits until the loop gives way.
        return setImmediate()
      },
      onEpoch: progress.epoch,
      onCheckpoint: async (checkpoint) => {
        const { checkpointArrays } = await import('../../train/index.ts')
        const { writeNpz } = await import('../../data/index.ts')
        writeFiles(output, { [checkpointFile]: writeNpz(checkpointArrays(checkpoint, fingerprint)) })
      },
    }),
  )

  const interrupted = fit.ended === 'interrupted'
  // A test set chooses nothing: it is looked at when all is settled.
  const test = interrupted ? undefined : await tested(prepared, data, fitting, fit, terminal)
  const results: Results = { settings, prepared, data, fit, fingerprint, test, parameters }
  const report = reportOf(results)
  const model = await modelOf(results)
  const text = new TextEncoder().encode(`${JSON.stringify(report, null, 2)}\n`)
  writeFiles(output, { 'model.onnx': model, 'report.json': text })
  return { report, lines: describe(results, output, model.length), interrupted }
}

/** How pictures become inputs: what the configuration says, and the command line instead. */
async function pictures({ preprocess = {} }: Settings, options: PictureOptions) {
  const { parsePreprocess } = await import('../../data/index.ts')
  return {
    ...parsePreprocess(JSON.stringify(preprocess), 'preprocess in the configuration'),
    ...(await pictureOptions(options)),
  }
}

/** The training data as it is shown, what it is told by, and the checkpoint to go on from. */
async function trainingData(
  { augment = [], seed = 1, train: how }: Settings,
  { model }: Prepared,
  data: Splits,
  fitting: FitOptions,
  { resume }: RunOptions,
  output: string,
) {
  const { fail } = await import('../../index.ts')
  const { readFile, readNpz } = await import('../../data/index.ts')
  const { augmented, checkpointFrom, fingerprintOf, pictureShape } = await import('../../train/index.ts')
  let { train } = data
  if (augment.length > 0) {
    if (!data.preprocess)
      return fail('A702', 'augment: these augmentations are for pictures', {
        hint: 'pictures are a folder or an IDX file',
      })
    const [name] = model.data as [string]
    const { shape } = model.graph.inputs.find((port) => port.name === name)!.value.type
    train = augmented(train, name, pictureShape(shape, data.preprocess.layout), augment, seed)
  }
  const names = augment.map(({ name }) => name)
  const fingerprint = await fingerprintOf(model, data.train, {
    ...fitting,
    ...{ optimizer: how?.optimizer, frozen: [...(fitting.frozen ?? [])], augment: names },
  })
  const path = join(output, checkpointFile)
  const what = `"${path}"`
  const resumed = resume ? checkpointFrom(readNpz(readFile(path), what), fingerprint, what) : undefined
  return { train, fingerprint, resumed }
}

async function fitted(
  { model }: Prepared,
  data: Pick<Splits, 'train' | 'validation'>,
  fitting: FitOptions,
  resumed: Checkpoint | undefined,
  hooks: FitHooks,
): Promise<Fit> {
  const { compiledExecutor } = await import('../../execute.ts')
  const { fit } = await import('../../train/index.ts')
  return fit(model, data, fitting, compiledExecutor, hooks, resumed)
}

/** Runs `body`, whose signal the first Ctrl-C sets; the second ends the process as usual. */
async function interruptible<T>(body: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const abort = new AbortController()
  const stop = (): void => {
    if (abort.signal.aborted) {
      process.off('SIGINT', stop)
      process.kill(process.pid, 'SIGINT')
    }
    abort.abort()
  }
  process.on('SIGINT', stop)
  try {
    return await body(abort.signal)
  } finally {
    process.off('SIGINT', stop)
  }
}

async function tested(
  { model, loss }: Prepared,
  { test }: Splits,
  { batch }: FitOptions,
  { best }: Fit,
  terminal: Terminal,
): Promise<TestScore | undefined> {
  if (!test) return undefined
  const { compiledExecutor } = await import('../../execute.ts')
  const { fill, scorer, shareInterval } = await import('../../train/index.ts')
  terminal.status('scoring the test data')
  const tester = await scorer(model, Math.min(batch, test.count), loss, compiledExecutor)
  fill(tester.state, best.values)
  const score = await tester.score(test)
  return { ...score, ...(score.accuracy !== undefined && { interval: shareInterval(score.accuracy, test.count) }) }
}
