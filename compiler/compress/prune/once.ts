import type { Executor } from '../../core/executor.ts'
import type { Graph } from '../../core/graph.ts'
import type { PrunedReport } from '../../core/pruning-report.ts'
import type { Accuracy, Metric } from '../../core/quantization-report.ts'
import { choose as chooseSome } from '../../core/random.ts'
import type { Tensor } from '../../core/tensor.ts'
import { removedChannels } from '../../passes/channels/removed-channels.ts'
import { startingGraph, weightsOf, type ImportedModel } from '../../train/index.ts'
import { doubts } from '../accuracy/doubt.ts'
import {
  accuracyOf,
  defaultMetric,
  measuredOutput,
  outputsOf,
  outputWidth,
  type Validation,
} from '../accuracy/metric.ts'
import type { Progress, Sample } from '../calibrate.ts'
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

export interface PruneOnceOptions {
  readonly targets: PruneTargets
  /** Inputs of runs that are like those to come: what is gone then goes on in biases, as its mean. */
  readonly calibration: readonly Sample[]
  /** How many of them are used; 300 unless given. */
  readonly samples?: number | undefined
  readonly validation?: Validation | undefined
  /** Without it: top1 where there are labels, else agreement, or mse for outputs of one element. */
  readonly metric?: Metric | undefined
  /** The drop of the metric that is allowed; the report says whether it was kept. */
  readonly maxDrop?: number | undefined
  readonly seed?: number | undefined
  readonly executor: Executor
  /** The bytes of a graph when it is compiled, for `targets.size`. */
  readonly measure: (graph: Graph) => Promise<number>
  readonly onProgress?: Progress | undefined
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
  const before = new CostCounter(found, model.parameters).costs
  const choice = await choose(model, found, magnitude(model, found.groups), {
    limits: limitsOf(targets, before, 0, 1),
    scope: 'global',
    measure: (candidate) => measure(startingGraph(candidate).graph),
  })
  if (!choice.reached) unreachable(before, choice)

  const kept = chooseSome(given.samples ?? defaultSamples, given.calibration.length, seed)
  const samples = kept.map((i) => given.calibration[i]!)
  const shifts = await shiftsOf(model, found, choice.groups, samples, executor, onProgress)
  const { model: shorter, now } = removal(model, found, choice.groups)
  const pruned = startingGraph(shifted(shorter, choice.groups, now, shifts))
  const accuracy = await accuracyBetween(graph, pruned.graph, given, notes)
  const { maxDrop } = options
  const between = (of: 'macs' | 'params') => ({ before: before[of], after: choice.costs[of] })
  return {
    graph: pruned.graph,
    tensorNames: pruned.names,
    report: {
      layers: removedChannels(model.graph, shorter.graph),
      ...{ macs: between('macs'), parameters: between('params') },
      ...(choice.bytes !== undefined && { bytes: choice.bytes }),
      ...{ samples: samples.length, corrected: shifts.length, accuracy },
      ...{ maxDrop: maxDrop ?? null, withinBudget: maxDrop === undefined ? null : (accuracy?.drop ?? 0) <= maxDrop },
      notes,
    },
  }
}

/** What the graph `after` lost against `before`, on samples that were held out; null without any. */
async function accuracyBetween(
  before: Graph,
  after: Graph,
  { validation, metric, executor, seed = 1, onProgress = () => {} }: Omit<PruneOnceOptions, 'targets' | 'measure'>,
  notes: string[],
): Promise<Accuracy | null> {
  if (!validation || validation.samples.length === 0) return null
  const output = measuredOutput(before)!
  const width = outputWidth(output.value.type.shape)
  const of = async (graph: Graph, step: string) =>
    outputsOf(await executor.prepare(graph), output.name, validation.samples, onProgress, step)
  const [first, second] = [await of(before, 'measuring the model'), await of(after, 'measuring what is left')]
  const { labels } = validation
  const chosen = metric ?? defaultMetric(width, labels !== undefined)
  const accuracy = accuracyOf(chosen, first, second, width, labels, seed)
  notes.push(...doubts(chosen, first, width, labels, accuracy))
  return accuracy
}
