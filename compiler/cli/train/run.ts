import { join } from 'node:path'
import type { Settings } from '../../config/schema.ts'
import type { Epoch, Fit, FitOptions, TrainableModel } from '../../train/index.ts'
import type { ThreadedExecutor } from '../../threads.ts'
import { interruptible } from '../interruptible.ts'
import type { ShapeOptions } from '../options.ts'
import type { PictureOptions } from '../compile/quantize-options.ts'
import type { Terminal } from '../terminal.ts'
import { augmentOptions } from './augment.ts'
import type { Splits } from './data.ts'
import { fitOptions, prepare, pruneOptions } from './prepare.ts'
import { checkBits, quantizedRun, quantizeOptions } from './quantize.ts'
import { bytesOf } from './module-bytes.ts'
import { describe, modelOf, reportOf, type Results, type TestScore } from './results.ts'
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
  const fitting = await fitOptions(settings, behind, data.counts)
  const augmenting = await augmentOptions(settings, behind, data)
  const shown = augmenting ? augmented(data.train, augmenting) : data.train
  const fingerprint = await fingerprintOf(behind.model, { settings, data, fitting })
  return { prepared, behind, data, shown, fitting, fingerprint }
}

/** Who looks on after each epoch, and may end the training. */
export interface Watch {
  readonly signal: AbortSignal
  onEpoch(epoch: Epoch): Promise<void>
}

/**
 * Trains as `settings` say, and writes model, report and checkpoint into the folder `output`. Without somebody who watches, Ctrl-C ends the
 * training.
 */
export async function trainRun(
  settings: Settings,
  options: RunOptions,
  output: string,
  terminal: Terminal,
  watch?: Watch,
) {
  const { threadedExecutor } = await import('../../threads.ts')
  const executor = threadedExecutor(settings.train?.workers ?? 1)
  try {
    return await runOn(executor, settings, options, output, terminal, watch)
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
  watch: Watch | undefined,
) {
  const { writeFiles } = await import('../../data/index.ts')
  const say = (line: string): void => (options.json ? terminal.err(line) : terminal.out(line))
  const start = await setUp(settings, options, terminal)
  const { prepared, behind, data, shown, fitting, fingerprint } = start
  const context = { settings, data, shown, fitting, executor, output, resume: options.resume ?? false, terminal, say }
  const last = { checkpoint: 'checkpoint.npz' }
  const isNew = settings.network !== undefined
  const prune = await pruneOptions(settings)
  const quantize = quantizeOptions(settings, fitting)
  const body = async (signal: AbortSignal) => {
    const train = trainer({ ...context, signal, onEpoch: watch?.onEpoch })
    let stage = 0
    /** One of several trainings. */
    const next = (model: TrainableModel, epochs: number, what: string, others?: Partial<FitOptions>): Promise<Fit> => {
      say(`training ${what}`)
      last.checkpoint = `checkpoint-${++stage}.npz`
      return train(model, epochs, last.checkpoint, others)
    }
    const floats = async () => {
      if (!prune) {
        if (quantize && !isNew) return { model: behind.model, fit: undefined, pruning: undefined }
        const fit = await (quantize
          ? next(behind.model, fitting.epochs, 'in floats')
          : train(behind.model, fitting.epochs, last.checkpoint))
        return { model: behind.model, fit, pruning: undefined }
      }
      const { pruned } = await import('../../compress/prune/index.ts')
      terminal.status('looking for channels that can go')
      const { report, ...result } = await pruned(behind.model, prune, {
        ...{ isNew, fitting, samples: shown, executor },
        measure: (model) => bytesOf(model, prepared, data, { quantize: settings.prune?.quantize ?? settings.quantize }),
        train: (model, epochs, _, what) => next(model, epochs, what),
      })
      return { ...result, pruning: report }
    }
    const float = await floats()
    const { fit } = float
    if (!quantize || fit?.ended === 'interrupted') return { ...float, fit: fit!, quantized: undefined }
    const quantized = await quantizedRun(float.model, fit, quantize, {
      ...{ fitting, data, executor, terminal },
      train: (model, epochs, others) => next(model, epochs, 'with integers', others),
    })
    return { ...quantized, pruning: float.pruning, quantized }
  }
  const { model, fit, pruning, quantized } = await (watch ? body(watch.signal) : interruptible(body))

  const interrupted = fit.ended === 'interrupted'
  // A test set chooses nothing: it is looked at when all is settled.
  const { test, right } = interrupted ? {} : await tested(model, data, fitting, fit, executor, terminal)
  const parameters = await countOf(model, fitting.frozen)
  const sparsity =
    fitting.sparsify &&
    (await sparsityReport(model, fit, fitting.sparsify, (m, sparse) => bytesOf(m, prepared, data, { sparse })))
  // What is computed once is part of the model that is written.
  const whole = pruning ? model : prepared.model
  const results: Results = {
    ...{ settings, prepared, data, model: whole, fit, fingerprint, pruning, quantized, sparsity, test, parameters },
  }
  const report = reportOf(results)
  const bytes = await modelOf(results)
  if (quantized && !interrupted) await checkBits(bytes, quantized, data, executor, terminal)
  const text = new TextEncoder().encode(`${JSON.stringify(report, null, 2)}\n`)
  writeFiles(output, { 'model.onnx': bytes, 'report.json': text })
  const lines = describe(results, output, bytes.length)
  return { report, lines, interrupted, checkpoint: join(output, last.checkpoint), right }
}

async function tested(
  model: TrainableModel,
  { test }: Splits,
  { batch, loss, distillation }: FitOptions,
  { best }: Fit,
  executor: ThreadedExecutor,
  terminal: Terminal,
): Promise<{ readonly test?: TestScore; readonly right?: Uint8Array }> {
  if (!test) return {}
  const { scorer, shareInterval, shareOf } = await import('../../train/index.ts')
  terminal.status('scoring the test data')
  const tester = await scorer(model, Math.min(batch, test.count), { loss, distillation }, executor)
  tester.load(best.values)
  const right = new Uint8Array(test.count)
  const score = await tester.score(test, right)
  const interval = (share: number) => shareInterval(share, test.count)
  const result: TestScore = {
    ...score,
    ...(score.accuracy !== undefined && { interval: interval(score.accuracy) }),
    ...(score.agreement !== undefined && { agreementInterval: interval(score.agreement) }),
  }
  return { test: result, ...(shareOf(score) !== undefined && { right }) }
}
