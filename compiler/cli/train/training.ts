import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import type { Settings } from '../../config/schema.ts'
import type { Checkpoint, Epoch, Fit, FitHooks, FitOptions, Samples, TrainableModel } from '../../train/index.ts'
import { formatCount } from '../format.ts'
import type { ThreadedExecutor } from '../../threads.ts'
import type { Terminal } from '../terminal.ts'
import type { Splits } from './data.ts'
import { progressOn } from './progress.ts'

interface TrainingContext {
  readonly settings: Settings
  readonly data: Splits
  /** The training data as it is shown. */
  readonly shown: Samples
  readonly fitting: FitOptions
  readonly executor: ThreadedExecutor
  readonly output: string
  readonly resume: boolean
  readonly terminal: Terminal
  readonly say: (line: string) => void
  readonly signal: AbortSignal
  readonly onEpoch?: ((epoch: Epoch) => Promise<void>) | undefined
}

export async function countOf({ parameters }: TrainableModel, frozen: FitOptions['frozen']) {
  const { parameterCount } = await import('../../train/index.ts')
  return {
    all: parameterCount(parameters),
    trained: parameterCount(parameters.filter(({ name }) => !frozen?.has(name))),
  }
}

/** What a training of `model` is known by: the model, the data and the settings. */
export async function fingerprintOf(
  model: TrainableModel,
  { settings, data, fitting }: Pick<TrainingContext, 'settings' | 'data' | 'fitting'>,
): Promise<string> {
  const { fingerprintOf, teacherHash } = await import('../../train/index.ts')
  const { distillation } = fitting
  return fingerprintOf(model, data.train, {
    ...fitting,
    // Best is what is kept where nothing is said.
    keep: fitting.keep === 'last' ? 'last' : undefined,
    ...{ optimizer: settings.train?.optimizer, frozen: [...(fitting.frozen ?? [])] },
    augment: settings.augment?.map(({ name }) => name) ?? [],
    ...(distillation && { distillation: { ...distillation, teacher: teacherHash(distillation.teacher) } }),
  })
}

/**
 * Trains models, one behind another, each with a checkpoint in a file of its own. With `resume` each goes on from its file, as long as
 * those before had nothing left to do.
 */
export function trainer(context: TrainingContext) {
  const { settings, data, shown, fitting, output, executor, terminal, say, signal, resume, onEpoch } = context
  let stage = 0
  let hasWorked = false
  const checkpointOf = async (path: string, fingerprint: string): Promise<Checkpoint | undefined> => {
    // What was written behind work that is done anew is of another training.
    if (!resume || hasWorked || (stage > 0 && !existsSync(path))) return undefined
    const { readFile, readNpz } = await import('../../data/index.ts')
    const { checkpointFrom } = await import('../../train/index.ts')
    const what = `"${path}"`
    return checkpointFrom(readNpz(readFile(path), what), fingerprint, what)
  }
  /** Some options may be other ones than those of the settings. */
  return async (
    model: TrainableModel,
    epochs: number,
    file: string,
    others: Partial<FitOptions> = {},
  ): Promise<Fit> => {
    const { writeFiles, writeNpz } = await import('../../data/index.ts')
    const { checkpointArrays, fit } = await import('../../train/index.ts')
    const options = { ...fitting, ...others, epochs }
    const fingerprint = await fingerprintOf(model, { settings, data, fitting: options })
    const checkpoint = await checkpointOf(join(output, file), fingerprint)
    stage++
    const { trained, all } = await countOf(model, options.frozen)
    say(
      `${formatCount(trained)} of ${formatCount(all)} parameters, ${formatCount(shown.count)} samples to train on, ${formatCount(data.validation.count)} to validate with`,
    )
    terminal.status('compiling the training step')
    const progress = progressOn(terminal, epochs, say)
    const hooks: FitHooks = {
      signal,
      onReady: ({ arena, leastArena, state }) =>
        say(
          `memory of a step: ${formatCount(arena + state)} bytes, parameters and their moments ${formatCount(state)}, activations ${formatCount(arena)} (at least ${formatCount(leastArena)})`,
        ),
      onStep: (event) => {
        hasWorked = true
        progress.step(event)
        // Ctrl-C is an event of the process, which waits until the loop gives way.
        return setImmediate()
      },
      onEpoch: (epoch, isBest) => {
        progress.epoch(epoch, isBest)
        return onEpoch?.(epoch)
      },
      onCheckpoint: (checkpoint) => writeFiles(output, { [file]: writeNpz(checkpointArrays(checkpoint, fingerprint)) }),
    }
    const samples = { train: shown, validation: data.validation }
    return fit(model, samples, options, executor, hooks, checkpoint)
  }
}
