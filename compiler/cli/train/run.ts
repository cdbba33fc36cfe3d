import { join } from 'node:path'
import type { Settings } from '../../config/schema.ts'
import type { Fit, FitOptions, Samples } from '../../train/index.ts'
import type { ShapeOptions } from '../options.ts'
import { pictureOptions, type PictureOptions } from '../quantize-options.ts'
import type { Terminal } from '../terminal.ts'
import { readSplits, type Splits } from './data.ts'
import { fitOptions, prepare, pruneOptions, type Prepared } from './prepare.ts'
import { bytesOf, describe, modelOf, reportOf, type Results, type TestScore } from './results.ts'
import { countOf, trainer } from './training.ts'

interface RunOptions extends ShapeOptions, PictureOptions {
  readonly resume?: boolean
  readonly json?: boolean
}

/** Trains as `settings` say, and writes model, report and checkpoint into the folder `output`. */
export async function trainRun(settings: Settings, options: RunOptions, output: string, terminal: Terminal) {
  const { writeFiles } = await import('../../data/index.ts')
  const say = (line: string): void => (options.json ? terminal.err(line) : terminal.out(line))

  terminal.status('importing')
  const prepared = await prepare(settings, options)
  prepared.notes.forEach((note) => terminal.err(note))
  const data = await readSplits(settings, prepared, await pictures(settings, options), terminal)
  const fitting = await fitOptions(settings, prepared, data.counts)
  const shown = await shownData(settings, prepared, data)
  const context = { settings, data, shown, fitting, output, resume: options.resume ?? false, terminal, say }
  const last = { checkpoint: 'checkpoint.npz' }
  const { model, fit, pruning } = await interruptible(async (signal) => {
    const train = trainer({ ...context, signal })
    const prune = pruneOptions(settings)
    if (!prune)
      return {
        model: prepared.model,
        fit: await train(prepared.model, fitting.epochs, last.checkpoint),
        pruning: undefined,
      }
    const { pruned } = await import('../../compress/prune/index.ts')
    const { compiledExecutor } = await import('../../execute.ts')
    terminal.status('looking for channels that can go')
    const { report, ...result } = await pruned(prepared.model, prune, {
      ...{ isNew: settings.network !== undefined, fitting, samples: shown, executor: compiledExecutor },
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
  const test = interrupted ? undefined : await tested({ ...prepared, model }, data, fitting, fit, terminal)
  const parameters = countOf(model, fitting.frozen)
  const results: Results = { settings, prepared, data, model, fit, pruning, test, parameters }
  const report = reportOf(results)
  const bytes = await modelOf(results)
  const text = new TextEncoder().encode(`${JSON.stringify(report, null, 2)}\n`)
  writeFiles(output, { 'model.onnx': bytes, 'report.json': text })
  const lines = describe(results, output, bytes.length)
  return { report, lines, interrupted, checkpoint: join(output, last.checkpoint) }
}

/** How pictures become inputs: what the configuration says, and the command line instead. */
async function pictures({ preprocess = {} }: Settings, options: PictureOptions) {
  const { parsePreprocess } = await import('../../data/index.ts')
  return {
    ...parsePreprocess(JSON.stringify(preprocess), 'preprocess in the configuration'),
    ...(await pictureOptions(options)),
  }
}

/** The training data as it is shown. */
async function shownData({ augment = [], seed = 1 }: Settings, { model }: Prepared, data: Splits): Promise<Samples> {
  const { fail } = await import('../../index.ts')
  const { augmented, pictureShape } = await import('../../train/index.ts')
  if (augment.length === 0) return data.train
  if (!data.preprocess)
    return fail('A702', 'augment: these augmentations are for pictures', {
      hint: 'pictures are a folder or an IDX file',
    })
  const [name] = model.data as [string]
  const { shape } = model.graph.inputs.find((port) => port.name === name)!.value.type
  return augmented(data.train, name, pictureShape(shape, data.preprocess.layout), augment, seed)
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
