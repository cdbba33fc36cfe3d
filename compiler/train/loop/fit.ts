import { fail } from '../../core/diagnostics/diagnostic.ts'
import type { TypedArray } from '../../core/scalar/dtype.ts'
import type { Instance, ParallelExecutor } from '../../core/executor.ts'
import { classWeight } from './batches.ts'
import { checkFit } from './check-fit.ts'
import type { Distillation } from '../distill/teacher.ts'
import { fill } from './fill.ts'
import { losses, type LossName } from '../losses/index.ts'
import type { TrainableModel } from '../model/model.ts'
import type { Optimizer } from '../optimizers/index.ts'
import { shuffled } from './order.ts'
import { ports } from '../model/ports.ts'
import type { Samples } from './samples.ts'
import { sparsifier, type SparsifyOptions } from './sparsity.ts'
import { schedules, warmed, type ScheduleName } from '../schedules/index.ts'
import { isBetter, judgeOf, scorer, type Score } from './score.ts'
import { stepperFor } from './stepper.ts'
import { tensorsOf } from '../model/trained.ts'

export interface FitOptions {
  readonly epochs: number
  readonly batch: number
  /**
   * Equal micro-batches that a batch is split into: their gradients are summed, and batch normalization sees each by itself. As many workers
   * as there are micro-batches can make a step together.
   */
  readonly accumulate?: number | undefined
  readonly loss: LossName
  /** Targets of classes are a probability for each. Those of the validation stay numbers. */
  readonly softTargets?: boolean | undefined
  readonly distillation?: Distillation | undefined
  readonly optimizer: Optimizer
  /** The highest rate of the schedule. */
  readonly learningRate: number
  readonly schedule: ScheduleName
  /** The share of all steps over which the rate rises from 0. */
  readonly warmup?: number | undefined
  readonly labelSmoothing?: number | undefined
  readonly clipNorm?: number | undefined
  /** Validates and keeps a running average of the parameters: the share of the old one that stays at each step. */
  readonly average?: number | undefined
  /** Epochs without a better validation after which training ends. */
  readonly patience?: number | undefined
  /** The epoch that is kept: the best by validation (default), or the last, whatever its validation. */
  readonly keep?: 'best' | 'last' | undefined
  /** Weights become zero while the model trains. Epochs count as validated when the last have. */
  readonly sparsify?: SparsifyOptions | undefined
  readonly frozen?: ReadonlySet<string> | undefined
  readonly frozenStatistics?: boolean | undefined
  /** The weight of each class in the loss. */
  readonly classWeights?: readonly number[] | undefined
  readonly seed: number
}

export interface Epoch {
  readonly epoch: number
  readonly train: Score
  readonly validation: Score
  readonly learningRate: number
}

export interface StepEvent {
  readonly epoch: number
  /** From 1 on, within all of the training. */
  readonly step: number
  readonly steps: number
  readonly loss: number
  readonly samples: number
}

export interface FitHooks {
  /** The training program is ready: bytes of its memory. */
  readonly onReady?: (memory: NonNullable<Instance['memory']>) => void
  /** Awaited: what has to happen between steps, such as events of the process, gets its turn here. */
  readonly onStep?: (event: StepEvent) => void | Promise<void>
  /** Awaited: whoever watches may set `signal`. */
  readonly onEpoch?: (epoch: Epoch, isBest: boolean) => void | Promise<void>
  /** After each epoch, and where training is interrupted. */
  readonly onCheckpoint?: (checkpoint: Checkpoint) => void | Promise<void>
  readonly signal?: AbortSignal
}

/** Everything that training needs to go on, to the same bytes. */
export interface Checkpoint {
  /** Steps that are done. */
  readonly step: number
  readonly state: Readonly<Record<string, TypedArray>>
  readonly best: Best | undefined
  readonly history: readonly Epoch[]
  /** Sums over the steps of an epoch that is not done. */
  readonly sums: Sums
}

export interface Best {
  readonly epoch: number
  readonly validation: Score
  /** Parameters and running statistics. */
  readonly values: Readonly<Record<string, TypedArray>>
}

interface Sums {
  readonly loss: number
  readonly correct: number
  readonly weight: number
}

export interface Fit {
  /** The epoch that is kept: the best by accuracy of the validation where there are labels of classes, else by loss; or the last. */
  readonly best: Best
  readonly history: readonly Epoch[]
  /** Why training ended. */
  readonly ended: 'done' | 'patience' | 'interrupted'
}

const none: Sums = { loss: 0, correct: 0, weight: 0 }

/**
 * Trains `model`; the same options, samples and seed give the same bytes on every engine, with any number of workers. A `checkpoint` of the
 * same training goes on where it was made.
 * @throws CompileError A701 where the loss is not finite: the step and the first place that is not.
 */
export async function fit(
  model: TrainableModel,
  data: { readonly train: Samples; readonly validation: Samples },
  options: FitOptions,
  executor: ParallelExecutor,
  hooks: FitHooks = {},
  checkpoint?: Checkpoint,
): Promise<Fit> {
  checkFit(model, options, executor)
  const loss = losses[options.loss]
  const { accumulate = 1, average } = options
  const sparse = options.sparsify?.parameters
  const stepper = await stepperFor(model, { ...options, accumulate, average: average !== undefined, sparse }, executor)
  if (stepper.memory) hooks.onReady?.(stepper.memory)
  const judged = judgeOf(options)
  const share = judged.distillation ? 'agreement' : 'accuracy'
  const validator = await scorer(model, Math.min(options.batch, data.validation.count), judged, executor)
  const { train, validation } = data
  const perEpoch = Math.ceil(train.count / options.batch)
  const steps = perEpoch * options.epochs
  const schedule = options.warmup ? warmed(schedules[options.schedule], options.warmup) : schedules[options.schedule]
  const weightOf = classWeight(options.classWeights)
  const zeroing = options.sparsify && sparsifier(model, options.sparsify, options.optimizer.slots, steps)

  let step = checkpoint?.step ?? 0
  let best = checkpoint?.best
  let sums = checkpoint?.sums ?? none
  const history = [...(checkpoint?.history ?? [])]
  if (checkpoint) fill(stepper.state, checkpoint.state)
  // A best epoch that is damaged is found now, not at the end.
  if (best) validator.load(best.values)
  const saved = (): Checkpoint => ({ step, state: copies(stepper.state), best, history: [...history], sums })

  let order: Uint32Array | undefined
  while (step < steps) {
    // Also where a checkpoint is of a training that had ended.
    if (best && options.patience !== undefined && history.length - 1 - best.epoch >= options.patience)
      return { best, history, ended: 'patience' }
    const epoch = Math.floor(step / perEpoch)
    const at = step % perEpoch
    if (at === 0 || !order) order = shuffled(train.count, options.seed, epoch)
    if (hooks.signal?.aborted) {
      await hooks.onCheckpoint?.(saved())
      return interrupted(best, history)
    }
    zeroing?.update(stepper.state, step)
    const chosen = order.subarray(at * options.batch, (at + 1) * options.batch)
    const learningRate = options.learningRate * schedule(step / steps)
    const scalars = {
      ...options.optimizer.scalars({ step: step + 1, learningRate }),
      ...(average !== undefined && { decay: averageDecay(average, step) }),
    }
    const done = await stepper.step({ samples: train, chosen, weightOf, epoch, step, scalars })
    step++
    sums = {
      loss: sums.loss + done.loss * done.weight,
      correct: sums.correct + done.correct,
      weight: sums.weight + done.weight,
    }
    await hooks.onStep?.({ epoch, step, steps, loss: done.loss, samples: chosen.length })
    if (step % perEpoch !== 0) continue

    const values = validated(model, stepper.state)
    validator.load(values)
    const result: Epoch = {
      epoch,
      train: { loss: sums.loss / sums.weight, ...(loss.correct && { [share]: sums.correct / sums.weight }) },
      validation: await validator.score(validation),
      learningRate,
    }
    sums = none
    history.push(result)
    const isSettled = !zeroing || step > zeroing.last
    const isBest = isSettled && (!best || options.keep === 'last' || isBetter(result.validation, best.validation))
    if (isBest) best = { epoch, validation: result.validation, values: copies(values) }
    await hooks.onEpoch?.(result, isBest && options.keep !== 'last')
    await hooks.onCheckpoint?.(saved())
  }
  return { best: best!, history, ended: 'done' }
}

/** A running average forgets its start sooner than `decay` says: (1 + n) / (10 + n) while that is less. */
const averageDecay = (decay: number, step: number): number => Math.min(decay, (1 + step) / (10 + step))

/** Parameters and running statistics as they are validated and kept: running averages where there are any. */
const validated = (model: TrainableModel, state: Instance['state']): Instance['state'] =>
  Object.fromEntries(tensorsOf(model).map(({ name }) => [name, state[ports.average(name)] ?? state[name]!]))

const copies = (state: Instance['state']): Record<string, TypedArray> =>
  Object.fromEntries(Object.entries(state).map(([name, view]) => [name, view.slice()]))

function interrupted(best: Best | undefined, history: readonly Epoch[]): Fit {
  if (!best)
    fail('A703', 'training was interrupted before its first epoch was done, or before the last weights became zero', {
      hint: 'the checkpoint holds all that was done: go on with --resume',
    })
  return { best, history, ended: 'interrupted' }
}
