import { join } from 'node:path'
import type { Settings } from '../../config/schema.ts'
import type { Fit, FitOptions } from '../../train/index.ts'
import type { ThreadedExecutor } from '../../threads.ts'
import type { ShapeOptions } from '../options.ts'
import type { PictureOptions } from '../quantize-options.ts'
import type { Terminal } from '../terminal.ts'
import { augmentOptions } from './augment.ts'
import type { Splits } from './data.ts'
import { fitOptions, prepare, pruneOptions, type Prepared } from './prepare.ts'
import { bytesOf, describe, modelOf, reportOf, type Results, type TestScore } from './results.ts'
import { sparsityReport } from './sparsify.ts'
import { trainingSplits } from './splits.ts'
import { countOf, fingerprintOf, trainer } from './training.ts'

interface RunOptions extends ShapeOptions, PictureOptions {
  readonly resume?: boolean
  readonly json?: boolean
}

/** What a training starts from: the model, the data, how it is trained, and the fingerprint of all that. */
export async function setUp(settings: Settings, options: RunOptions, terminal: Terminal) {
  const { augmented } = await import('../../train/index.ts')
  terminal.status('importing')
  const prepared = await prepare(settings, options)
  prepared.notes.forEach((note) => terminal.err(note))
  const { behind, data } = await trainingSplits(settings, prepared, options, terminal)
  const fitting = await fitOptions(settings, prepared, data.counts)
  const augmenting = await augmentOptions(settings, behind, data)
  const shown = augmenting ? augmented(data.train, augmenting) : data.train
  const fingerprint = await fingerprintOf(behind.model, { settings, data, fitting })
  return { prepared, behind, data, shown, fitting, fingerprint }
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
  const { writeFiles } = await import('../../data/index.ts')
  const say = (line: string): void => (options.json ? terminal.err(line) : terminal.out(line))
  const start = await setUp(settings, options, terminal)
  const { prepared, behind, data, shown, fitting, fingerprint } = start
  const context = { settings, data, shown, fitting, executor, output, resume: options.resume ?? false, terminal, say }
  const last = { checkpoint: 'checkpoint.npz' }
  const { model, fit, pruning } = await interruptible(async (signal) => {
    const train = trainer({ ...context, signal })
    const prune = pruneOptions(settings)
    if (!prune) {
      const fit = await train(behind.model, fitting.epochs, last.checkpoint)
      return { model: behind.model, fit, pruning: undefined }
    }
    const { pruned } = await import('../../compress/prune/index.ts')
    terminal.status('looking for channels that can go')
    const { report, ...result } = await pruned(behind.model, prune, {
      ...{ isNew: settings.network !== undefined, fitting, samples: shown, executor },
      measure: (model) => bytesOf(model, prepared, data),
      train: (model, epochs, stage, what) => {
        say(`training ${what}`)
        last.checkpoint = `checkpoint-${stage + 1}.npz`
        return train(model, epochs, last.checkpoint)
      },
    })
    return { ...result, pruning: report }
  })

  const interrupted = fit.ended === 'interrupted'
  // A test set chooses nothing: it is looked at when all is settled.
  const test = interrupted ? undefined : await tested({ ...behind, model }, data, fitting, fit, executor, terminal)
  const parameters = await countOf(model, fitting.frozen)
  const sparsity =
    fitting.sparsify &&
    (await sparsityReport(model, fit, fitting.sparsify, (m, sparse) => bytesOf(m, prepared, data, sparse)))
  // What is computed once is part of the model that is written.
  const whole = pruning ? model : prepared.model
  const results: Results = {
    settings,
    prepared,
    data,
    model: whole,
    fit,
    fingerprint,
    pruning,
    sparsity,
    test,
    parameters,
  }
  const report = reportOf(results)
  const bytes = await modelOf(results)
  const text = new TextEncoder().encode(`${JSON.stringify(report, null, 2)}\n`)
  writeFiles(output, { 'model.onnx': bytes, 'report.json': text })
  const lines = describe(results, output, bytes.length)
  return { report, lines, interrupted, checkpoint: join(output, last.checkpoint) }
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
