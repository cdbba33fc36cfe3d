import type { RemovedChannels } from '../../core/artefact.ts'
import { fail } from '../../core/diagnostic.ts'
import type { Executor } from '../../core/executor.ts'
import { removedChannels } from '../../passes/channels/removed-channels.ts'
import { withValues, type Fit, type FitOptions, type Samples, type TrainableModel } from '../../train/index.ts'
import { choose, type Limits } from './choose.ts'
import { CostCounter, type Costs } from './costs.ts'
import { couplings, type Couplings } from './coupling.ts'
import { fresh } from './fresh.ts'
import { magnitude, taylor, type Importance } from './importance.ts'
import { withoutGroups } from './remove.ts'

export interface PruneOptions {
  /** Shares of multiply-adds and of parameters that go. */
  readonly macs?: number | undefined
  readonly params?: number | undefined
  /** Most bytes of the compiled module. */
  readonly size?: number | undefined
  readonly importance: 'l2' | 'taylor'
  readonly scope: 'global' | 'layer'
  /** Rounds in which channels go. */
  readonly steps: number
  /** Epochs of training between two rounds. */
  readonly epochs: number
  /** `scratch` draws the parameters of what is left anew, and trains them for as long as all trainings before took together. */
  readonly from: 'trained' | 'scratch'
}

/** What is pruned, and with what. */
export interface PruneContext {
  /** Whether the model has to be trained before it is known what matters in it. */
  readonly isNew: boolean
  readonly fitting: FitOptions
  /** What gradients are taken of. */
  readonly samples: Samples
  readonly executor: Executor
  /** The bytes of a model when it is compiled, for `size`. */
  readonly measure: (model: TrainableModel) => Promise<number>
  /** Trains a model for some epochs; `stage` counts the trainings from 0, `what` tells a person which it is. */
  readonly train: (model: TrainableModel, epochs: number, stage: number, what: string) => Promise<Fit>
}

export interface Pruned {
  /** The last model that was trained, with values to start from as they were before that. */
  readonly model: TrainableModel
  readonly fit: Fit
  readonly report: PruneReport
}

export interface PruneReport {
  /** The layers that have fewer output channels. */
  readonly layers: readonly RemovedChannels[]
  readonly macs: { readonly before: number; readonly after: number }
  readonly parameters: { readonly before: number; readonly after: number }
  /** Of the compiled module before it was trained for the last time, where its size is limited. */
  readonly bytes?: number
  /** Rounds that were done. */
  readonly rounds: number
}

/** Batches over which gradients are taken. */
const taylorBatches = 32

/**
 * Prunes a model in rounds, with a training behind each: one of `options.epochs` epochs between rounds, one of `fitting.epochs` behind the
 * last. A new model is trained for `fitting.epochs` first. Ends early where a training is interrupted.
 * @throws CompileError A702 before anything is trained, where the targets cannot be reached.
 */
export async function pruned(start: TrainableModel, options: PruneOptions, context: PruneContext): Promise<Pruned> {
  const { fitting, isNew, train } = context
  const { steps } = options
  const original = await checkReachable(start, options, context)
  let model = start
  let [stage, trained] = [0, 0]
  let fit: Fit | undefined
  let bytes: number | undefined
  const training = async (epochs: number, what: string): Promise<Fit> => {
    trained += epochs
    return (fit = await train(model, epochs, stage++, what))
  }
  const result = (fit: Fit, rounds: number): Pruned => {
    const after = costsOf(model, fitting)
    const between = (of: keyof Costs) => ({ before: original[of], after: after[of] })
    return {
      model,
      fit,
      report: {
        layers: removedChannels(start.graph, model.graph),
        ...{ macs: between('macs'), parameters: between('params'), rounds },
        ...(bytes !== undefined && { bytes }),
      },
    }
  }
  if (isNew && (await training(fitting.epochs, 'before channels go')).ended === 'interrupted') return result(fit!, 0)
  const first = options.size === undefined ? 0 : await context.measure(model)
  for (let round = 1; ; round++) {
    if (fit) model = withValues(model, fit.best.values)
    const found = couplings(model, fitting.frozen)
    const limits = limitsOf(options, original, first, round / steps)
    const importance = await importanceOf(model, found, options, context)
    const choice = await choose(model, found, importance, { limits, scope: options.scope, measure: context.measure })
    model = withoutGroups(model, found, choice.groups)
    bytes = choice.bytes
    const isLast = round === steps
    const isScratch = isLast && options.from === 'scratch'
    if (isScratch) model = fresh(model, fitting.seed)
    const epochs = isLast ? fitting.epochs + (isScratch ? trained : 0) : options.epochs
    const what = steps === 1 ? 'with fewer channels' : `with fewer channels, round ${round} of ${steps}`
    const after = await training(epochs, isScratch ? 'of new parameters at the same widths' : what)
    if (isLast || after.ended === 'interrupted') return result(after, round)
  }
}

const costsOf = (model: TrainableModel, { frozen }: FitOptions): Costs =>
  new CostCounter(couplings(model, frozen), model.parameters).costs

/** What the model may cost when `done` of the way is gone. */
function limitsOf({ macs, params, size }: PruneOptions, original: Costs, bytes: number, done: number): Limits {
  const left = (of: number, share: number): number => Math.floor(of * (1 - share * done))
  return {
    ...(macs !== undefined && { macs: left(original.macs, macs) }),
    ...(params !== undefined && { params: left(original.params, params) }),
    ...(size !== undefined && { bytes: Math.floor(bytes - (bytes - size) * done) }),
  }
}

async function importanceOf(
  model: TrainableModel,
  { groups }: Couplings,
  { importance }: PruneOptions,
  { samples, fitting, executor }: PruneContext,
): Promise<Importance> {
  if (importance === 'l2') return magnitude(model, groups)
  const batches = Math.min(taylorBatches, Math.ceil(samples.count / fitting.batch))
  return taylor(model, groups, { samples, batches, fitting, executor })
}

/** The costs of the model; A702 where it cannot come to what it may cost. */
async function checkReachable(model: TrainableModel, options: PruneOptions, context: PruneContext): Promise<Costs> {
  const found = couplings(model, context.fitting.frozen)
  if (found.groups.length === 0)
    fail('A702', 'prune: no channels of this model can go', {
      hint: 'those of its output stay, and those that loops, windows, sorts or means go over; frozen parameters keep theirs',
    })
  const costs = new CostCounter(found, model.parameters).costs
  const limits = limitsOf(options, costs, 0, 1)
  const all = { scope: options.scope, measure: context.measure }
  const importance = magnitude(model, found.groups)
  const choice = await choose(model, found, importance, {
    ...all,
    limits: { ...limits, ...(options.size !== undefined && { bytes: options.size }) },
  })
  if (choice.reached) return costs
  const share = (of: keyof Costs): string => `${((1 - choice.costs[of] / costs[of]) * 100).toFixed(1)} %`
  return fail('A702', 'prune: the model cannot be made so small by removing channels', {
    hint: `at most ${share('macs')} of its multiply-adds and ${share('params')} of its parameters can go${choice.bytes === undefined ? '' : `, which leaves ${choice.bytes} bytes`}`,
  })
}
