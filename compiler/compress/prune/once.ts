import type { Graph } from '../../core/graph.ts'
import type { PrunedReport } from '../../core/artefact/pruning-report.ts'
import { choose as chooseSome } from '../../core/random/random.ts'
import type { Tensor } from '../../core/tensor.ts'
import { removedChannels } from '../../passes/channels/removed-channels.ts'
import { startingGraph, weightsOf, type ImportedModel } from '../../train/index.ts'
import { accuracyBetween, type Measuring } from '../accuracy/between.ts'
import { measuredOutput } from '../accuracy/metric.ts'
import type { Sample } from '../calibrate.ts'
import { noMeasuredOutput } from '../errors.ts'
import { prepare } from '../prepare.ts'
import { choose } from './choose.ts'
import { shifted, shiftsOf } from './correct-bias.ts'
import { CostCounter } from './costs.ts'
import { couplings } from './coupling.ts'
import { magnitude } from './importance.ts'
import { prunableModel } from './prunable.ts'
import { removal } from './remove.ts'
import { limitsOf, nothingToPrune, unreachable, type PruneTargets } from './targets.ts'

export interface PruneOnceOptions extends Measuring {
  readonly targets: PruneTargets
  /** Inputs of runs that are like those to come: what is gone then goes on in biases, as its mean. */
  readonly calibration: readonly Sample[]
  /** How many of them are used; 300 unless given. */
  readonly samples?: number | undefined
  /** The drop of the metric that is allowed; the report says whether it was kept. */
  readonly maxDrop?: number | undefined
  /** The bytes of a graph when it is compiled, for `targets.size`. */
  readonly measure: (graph: Graph) => Promise<number>
}

/** A graph with fewer channels. */
export interface PrunedGraph {
  readonly graph: Graph
  /** What the model calls the constants that are its weights. */
  readonly tensorNames: ReadonlyMap<Tensor, string>
  readonly report: PrunedReport
}

const defaultSamples = 300

/**
 * Removes channels from a graph whose weights stay as they are, those first that matter least by the norms of their weights among all layers.
 * @throws CompileError A702 where the targets cannot be reached, A504 and A506 where samples or the graph are not fit to measure with.
 */
export async function pruneOnce(
  { graph, ...facts }: Pick<ImportedModel, 'graph' | 'metadata' | 'training'>,
  options: PruneOnceOptions,
): Promise<PrunedGraph> {
  if (options.validation && !measuredOutput(graph)) noMeasuredOutput()
  const { targets, executor, measure, seed = 1, onProgress = () => {} } = options
  const { options: given, notes } = prepare(graph, options)
  const model = prunableModel(graph, weightsOf(facts))
  const found = couplings(model)
  if (found.groups.length === 0) nothingToPrune()
  const before = new CostCounter(found, model.parameters, targets.plan).costs
  const choice = await choose(model, found, magnitude(model, found.groups), {
    limits: limitsOf(targets, before, 0, 1),
    scope: 'global',
    plan: targets.plan,
    measure: (candidate) => measure(startingGraph(candidate).graph),
  })
  if (!choice.reached) unreachable(before, choice)

  const kept = chooseSome(given.samples ?? defaultSamples, given.calibration.length, seed)
  const samples = kept.map((i) => given.calibration[i]!)
  const shifts = await shiftsOf(model, found, choice.groups, samples, executor, onProgress)
  const { model: shorter, now } = removal(model, found, choice.groups)
  const pruned = startingGraph(shifted(shorter, choice.groups, now, shifts))
  const { accuracy, notes: odd } = await accuracyBetween(graph, pruned.graph, given)
  const { maxDrop } = options
  const between = (of: 'macs' | 'params') => ({ before: before[of], after: choice.costs[of] })
  return {
    graph: pruned.graph,
    tensorNames: pruned.names,
    report: {
      layers: removedChannels(model.graph, shorter.graph),
      ...{ macs: between('macs'), parameters: between('params') },
      ...(choice.bytes !== undefined && { bytes: choice.bytes }),
      ...(targets.plan && { latency: { before: before.ms, after: choice.costs.ms } }),
      ...{ samples: samples.length, corrected: shifts.length, accuracy },
      ...{ maxDrop: maxDrop ?? null, withinBudget: maxDrop === undefined ? null : (accuracy?.drop ?? 0) <= maxDrop },
      notes: [...notes, ...odd],
    },
  }
}
