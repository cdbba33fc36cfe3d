import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import type { Settings } from '../../config/schema.ts'
import type { Fit, FitHooks, FitOptions } from '../../train/index.ts'
import { formatCount } from '../format.ts'
import type { ShapeOptions } from '../options.ts'
import type { PictureOptions } from '../quantize-options.ts'
import type { ThreadedExecutor } from '../../threads.ts'
import type { Terminal } from '../terminal.ts'
import { augmentOptions } from './augment.ts'
import type { Splits } from './data.ts'
import { fitOptions, prepare, type Prepared } from './prepare.ts'
import { progressOn } from './progress.ts'
import { trainingSplits } from './splits.ts'
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
  const { behind, data } = await trainingSplits(settings, prepared, options, terminal)
  const fitting = await fitOptions(settings, prepared, data.counts)
  const more = await trainingData(settings, behind, data, fitting, options, output)
  return { prepared, behind, data, fitting, ...more }
}

/** Trains as `settings` say, and writes model, report and checkpoint into the folder `output`. */
export async function trainRun(settings: Settings, options: RunOptions, output: string, terminal: Terminal) {
  const { threadedExecutor } = await import('../../threads.ts')
  const executor = threadedExecutor(settings.train?.workers ?? 1)
  try {
    return await runOn(executor, settings, options, output, terminal)
  } finally {
    await executor.close()
  }
}

async function runOn(
  executor: ThreadedExecutor,
  settings: Settings,
  options: RunOptions,
  output: string,
  terminal: Terminal,
) {
  const { writeFiles, writeNpz } = await import('../../data/index.ts')
  const { checkpointArrays, fit: fitted, parameterCount } = await import('../../train/index.ts')
  const say = (line: string): void => (options.json ? terminal.err(line) : terminal.out(line))

  const found = await setUp(settings, options, output, terminal)
  const { prepared, behind, data, fitting, train, fingerprint, resumed } = found
  const { parameters: all } = prepared.model
  const trained = all.filter(({ name }) => !fitting.frozen?.has(name))
  const parameters = { all: parameterCount(all), trained: parameterCount(trained) }
  say(
    `${formatCount(parameters.trained)} of ${formatCount(parameters.all)} parameters, ${formatCount(train.count)} samples to train on, ${formatCount(data.validation.count)} to validate with`,
  )
  terminal.status('compiling the training step')
  const progress = progressOn(terminal, fitting.epochs, say)
  const hooks: FitHooks = {
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
    onCheckpoint: (checkpoint) =>
      writeFiles(output, { [checkpointFile]: writeNpz(checkpointArrays(checkpoint, fingerprint)) }),
  }
  const fit = await interruptible((signal) =>
    fitted(behind.model, { ...data, train }, fitting, executor, { ...hooks, signal }, resumed),
  )

  const interrupted = fit.ended === 'interrupted'
  // A test set chooses nothing: it is looked at when all is settled.
  const test = interrupted ? undefined : await tested(behind, data, fitting, fit, executor, terminal)
  const results: Results = { settings, prepared, data, fit, fingerprint, test, parameters }
  const report = reportOf(results)
  const model = await modelOf(results)
  const text = new TextEncoder().encode(`${JSON.stringify(report, null, 2)}\n`)
  writeFiles(output, { 'model.onnx': model, 'report.json': text })
  return { report, lines: describe(results, output, model.length), interrupted }
}

/** The training data as it is shown, what it is told by, and the checkpoint to go on from. */
async function trainingData(
  settings: Settings,
  prepared: Prepared,
  data: Splits,
  fitting: FitOptions,
  { resume }: RunOptions,
  output: string,
) {
  const { augment = [], train: how } = settings
  const { readFile, readNpz } = await import('../../data/index.ts')
  const { augmented, checkpointFrom, fingerprintOf } = await import('../../train/index.ts')
  const augmenting = await augmentOptions(settings, prepared, data)
  const train = augmenting ? augmented(data.train, augmenting) : data.train
  const names = augment.map(({ name }) => name)
  const fingerprint = await fingerprintOf(prepared.model, data.train, {
    ...fitting,
    ...{ optimizer: how?.optimizer, frozen: [...(fitting.frozen ?? [])], augment: names },
  })
  const path = join(output, checkpointFile)
  const what = `"${path}"`
  const resumed = resume ? checkpointFrom(readNpz(readFile(path), what), fingerprint, what) : undefined
  return { train, fingerprint, resumed }
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
  executor: ThreadedExecutor,
  terminal: Terminal,
): Promise<TestScore | undefined> {
  if (!test) return undefined
  const { scorer, shareInterval } = await import('../../train/index.ts')
  terminal.status('scoring the test data')
  const tester = await scorer(model, Math.min(batch, test.count), loss, executor)
  tester.load(best.values)
  const score = await tester.score(test)
  return { ...score, ...(score.accuracy !== undefined && { interval: shareInterval(score.accuracy, test.count) }) }
}
