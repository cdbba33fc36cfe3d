import type { TypedArray } from '../core/dtype.ts'
import { fail } from '../core/diagnostic.ts'
import type { Executor, Instance } from '../core/executor.ts'
import { writeBatch, writeScalar } from './batches.ts'
import { diverged } from './diverged.ts'
import { fill } from './fill.ts'
import { losses, type LossName } from './losses/index.ts'
import type { TrainableModel } from './model.ts'
import type { Optimizer } from './optimizers/index.ts'
import { shuffled } from './order.ts'
import type { Sample, Samples } from './samples.ts'
import { schedules, warmed, type ScheduleName } from './schedules/index.ts'
import { scorer, type Score } from './score.ts'
import { checkLoss, scoreShape } from './scores.ts'
import { ports, trainingStep } from './step.ts'

export interface FitOptions {
  readonly epochs: number
  readonly batch: number
  readonly loss: LossName
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
  readonly onEpoch?: (epoch: Epoch, isBest: boolean) => void
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
  /** The best epoch by validation: by accuracy where there are classes, among equals by loss. */
  readonly best: Best
  readonly history: readonly Epoch[]
  /** Why training ended. */
  readonly ended: 'done' | 'patience' | 'interrupted'
}

const none: Sums = { loss: 0, correct: 0, weight: 0 }

/**
 * Trains `model`; the same options, samples and seed give the same bytes on every engine. A `checkpoint` of the same training goes
 * on where it was made.
 * @throws CompileError A701 where the loss is not finite: the step and the first place that is not.
 */
export async function fit(
  model: TrainableModel,
  data: { readonly train: Samples; readonly validation: Samples },
  options: FitOptions,
  executor: Executor,
  hooks: FitHooks = {},
  checkpoint?: Checkpoint,
): Promise<Fit> {
  checkFit(model, options)
  const loss = losses[options.loss]
  const program = trainingStep(model, { ...options, average: options.average !== undefined })
  const instance = await executor.instantiate(program.graph, program.state, program.start)
  if (instance.memory) hooks.onReady?.(instance.memory)
  const validator = await scorer(model, Math.min(options.batch, data.validation.count), options.loss, executor)
  const { train, validation } = data
  const perEpoch = Math.ceil(train.count / options.batch)
  const steps = perEpoch * options.epochs
  const schedule = options.warmup ? warmed(schedules[options.schedule], options.warmup) : schedules[options.schedule]
  const { classWeights } = options
  const weightOf = (sample: Sample): number => classWeights?.[sample.target[0]!] ?? 1

  let step = checkpoint?.step ?? 0
  let best = checkpoint?.best
  let sums = checkpoint?.sums ?? none
  const history = [...(checkpoint?.history ?? [])]
  if (checkpoint) fill(instance.state, checkpoint.state)
  // A best epoch that is damaged is found now, not at the end.
  if (best) fill(validator.state, best.values)
  const saved = (): Checkpoint => ({ step, state: copies(instance.state), best, history: [...history], sums })

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
    const chosen = order.subarray(at * options.batch, (at + 1) * options.batch)
    await writeBatch(instance, model.data, train, chosen, epoch, weightOf)
    const learningRate = options.learningRate * schedule(step / steps)
    const scalars = options.optimizer.scalars({ step: step + 1, learningRate })
    for (const [name, value] of Object.entries(scalars)) writeScalar(instance, ports.scalar(name), value)
    if (options.average !== undefined) writeScalar(instance, ports.scalar('decay'), averageDecay(options.average, step))
    writeScalar(instance, ports.counter, step)
    // The program's memory is shared with what a run computes.
    const weight = sumOf(instance.inputs[ports.weight]!)
    const outputs = instance.run()
    const lost = Number(outputs[ports.loss]![0])
    step++
    if (!Number.isFinite(lost)) {
      await writeBatch(instance, model.data, train, chosen, epoch, weightOf)
      await diverged(model, instance, step, lost, executor)
    }
    sums = {
      loss: sums.loss + lost * weight,
      correct: sums.correct + Number(outputs[ports.correct]?.[0] ?? 0),
      weight: sums.weight + weight,
    }
    await hooks.onStep?.({ epoch, step, steps, loss: lost, samples: chosen.length })
    if (step % perEpoch !== 0) continue

    const names = Object.keys(validator.state)
    const current = (name: string): TypedArray => instance.state[ports.average(name)] ?? instance.state[name]!
    fill(validator.state, Object.fromEntries(names.map((name) => [name, current(name)])))
    const result: Epoch = {
      epoch,
      train: { loss: sums.loss / sums.weight, ...(loss.correct && { accuracy: sums.correct / sums.weight }) },
      validation: await validator.score(validation),
      learningRate,
    }
    sums = none
    history.push(result)
    const isBest = !best || isBetter(result.validation, best.validation)
    if (isBest) {
      const values = Object.fromEntries(names.map((name) => [name, current(name).slice()]))
      best = { epoch, validation: result.validation, values }
    }
    hooks.onEpoch?.(result, isBest)
    await hooks.onCheckpoint?.(saved())
  }
  return { best: best!, history, ended: 'done' }
}

/** A running average forgets its start sooner than `decay` says: (1 + n) / (10 + n) while that is less. */
const averageDecay = (decay: number, step: number): number => Math.min(decay, (1 + step) / (10 + step))

function sumOf(values: TypedArray): number {
  let sum = 0
  for (let i = 0; i < values.length; i++) sum += Number(values[i])
  return sum
}

const copies = (state: Instance['state']): Record<string, TypedArray> =>
  Object.fromEntries(Object.entries(state).map(([name, view]) => [name, view.slice()]))

function isBetter(a: Score, b: Score): boolean {
  if (a.accuracy !== undefined && b.accuracy !== undefined && a.accuracy !== b.accuracy) return a.accuracy > b.accuracy
  return a.loss < b.loss
}

/** A702 where an option has nothing to act on. */
export function checkFit(model: TrainableModel, options: FitOptions): void {
  const { loss, labelSmoothing, classWeights, frozen, frozenStatistics } = options
  checkLoss(model, loss)
  if (labelSmoothing !== undefined && !losses[loss].smooths)
    fail('A702', `labelSmoothing has no effect on the loss ${loss}`)
  if (classWeights) {
    if (!losses[loss].classes) fail('A702', `classWeights have no effect on the loss ${loss}`)
    const [classes] = scoreShape(model.scores.type.shape)
    if (classWeights.length !== classes)
      fail('A702', `there are ${classWeights.length} classWeights for the model's ${classes} classes`)
  }
  if (frozenStatistics && model.normalizations.length === 0)
    fail('A702', 'freezeStatistics has no effect on a model without batch normalization')
  if (frozen && model.parameters.every(({ name }) => frozen.has(name))) fail('A702', 'all parameters are frozen')
}

function interrupted(best: Best | undefined, history: readonly Epoch[]): Fit {
  if (!best)
    fail('A703', 'training was interrupted before its first epoch was done', {
      hint: 'the checkpoint holds all that was done: go on with --resume',
    })
  return { best, history, ended: 'interrupted' }
}
