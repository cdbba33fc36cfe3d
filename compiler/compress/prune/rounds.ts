import type { Executor } from '../../core/executor.ts'
import type { PruningReport } from '../../core/artefact/pruning-report.ts'
import { removedChannels } from '../../passes/channels/removed-channels.ts'
import { withValues, type Fit, type FitOptions, type Samples, type TrainableModel } from '../../train/index.ts'
import { choose } from './choose.ts'
import { CostCounter, type Costs } from './costs.ts'
import { couplings, type Couplings } from './coupling.ts'
import { fresh } from './fresh.ts'
import { magnitude, taylor, type Importance } from './importance.ts'
import { withoutGroups } from './remove.ts'
import { limitsOf, nothingToPrune, unreachable, type PruneTargets } from './targets.ts'

export interface PruneOptions extends PruneTargets {
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

/** With `bytes` of the module before it was trained for the last time. */
export interface PruneReport extends PruningReport {
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
  let { plan } = options
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
        ...(plan && { latency: { before: original.ms, after: plan.runMs } }),
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
    const choice = await choose(model, found, importance, {
      ...{ limits, scope: options.scope, plan, measure: context.measure },
    })
    plan = choice.plan
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
  if (found.groups.length === 0) nothingToPrune()
  const costs = new CostCounter(found, model.parameters, options.plan).costs
  const limits = limitsOf(options, costs, 0, 1)
  const all = { scope: options.scope, plan: options.plan, measure: context.measure, onlyWhether: true }
  const importance = magnitude(model, found.groups)
  const choice = await choose(model, found, importance, {
    ...all,
    limits: { ...limits, ...(options.size !== undefined && { bytes: options.size }) },
  })
  if (choice.reached) return costs
  return unreachable(costs, choice)
}
