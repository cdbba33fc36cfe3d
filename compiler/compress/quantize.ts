import { fail } from '../core/diagnostic.ts'
import type { Executor } from '../core/executor.ts'
import type { Graph, Port, Value } from '../core/graph.ts'
import type { Accuracy, Metric, QuantizationReport } from '../core/quantization-report.ts'
import { choose } from '../core/random.ts'
import { runPasses } from '../passes/index.ts'
import { observe, type Observation, type Progress, type Sample } from './calibrate.ts'
import { compensated } from './compensate.ts'
import { layerErrors, type LayerError } from './correct-bias.ts'
import { equalize } from './equalize.ts'
import { layersOf, type Layer } from './layers.ts'
import {
  accuracyOf,
  defaultMetric,
  measuredOutput,
  outputsOf,
  outputWidth,
  relativeNoise,
  type Outputs,
  type Validation,
} from './metric.ts'
import { planOf, type Plan } from './plan.ts'
import { chooseRange, type Choice } from './range.ts'
import { reportOf } from './report.ts'
import { rewrite, weightsOf, type Decisions } from './rewrite.ts'
import { bisect, ranking, sensitivities } from './search.ts'
import { secondMoments } from './second-moments.ts'
import type { Bits, QuantizedWeights } from './weights.ts'

export interface QuantizeOptions {
  /** `int8` stores activations and weights as integers, `weights` only the weights. */
  readonly mode: 'int8' | 'weights'
  /** Of weights, in mode `weights`: 8 unless given. Layers that sum up few products have 8 all the same. */
  readonly bits?: Bits | undefined
  /** Inputs of runs that are like those to come. `weights` can do without. */
  readonly calibration: readonly Sample[]
  /** How many of them are used; 300 unless given. */
  readonly samples?: number | undefined
  readonly executor: Executor
  readonly validation?: Validation | undefined
  /** Without it: top1 where there are labels, else agreement, or mse for outputs of one element. */
  readonly metric?: Metric | undefined
  /** The drop of the metric that is allowed, e.g. 0.01; layers are left in f32 until it is kept. */
  readonly maxDrop?: number | undefined
  /** Whether to measure what each layer alone does; always done where the budget needs it. */
  readonly sensitivity?: boolean | undefined
  readonly seed?: number | undefined
  readonly onProgress?: Progress | undefined
}

export interface Quantized {
  readonly graph: Graph
  readonly report: QuantizationReport
}

/** Samples on which layers are ranked, and trials where there is no validation: their noise shows on a few. */
const rankingSamples = 32
const judgingSamples = 100
/** Samples from which it is learnt which inputs of a layer go together. */
const momentSamples = 64

/** Weights of fewer products for each result, or of fewer channels, keep 8 bits: they are few, and an error in one shows. */
const fewProducts = 32
const fewChannels = 4

/** One way to quantize, and what it does to the outputs. */
export interface Trial {
  /** The layers that are as small as was asked for. */
  readonly layers: readonly Layer[]
  readonly plan: Plan
  readonly decisions: Decisions
  readonly graph: Graph
  readonly accuracy: Accuracy | null
  /** Of the measured output, relative to its mean square; NaN where there are no samples at all. */
  readonly noise: number
}

type Shared = Omit<Decisions, 'parameters' | 'narrow'>

/** What is known of the float model, and all that trials share. */
class Study {
  readonly graph: Graph
  readonly options: QuantizeOptions
  readonly layers: readonly Layer[]
  readonly seed: number
  readonly progress: Progress
  readonly calibration: readonly Sample[]
  /** What trials are judged on. */
  readonly judged: readonly Sample[]
  observations: ReadonlyMap<Value, Observation> = new Map()
  unfit: ReadonlySet<Value> = new Set()
  float: Outputs = []
  /** Whether ranges leave out what is rare, however large. */
  clipsRare = false
  readonly output: Port
  readonly metric: Metric

  constructor(graph: Graph, options: QuantizeOptions) {
    this.graph = graph
    this.options = options
    this.output = measuredOutput(graph)!
    this.seed = options.seed ?? 1
    this.progress = options.onProgress ?? (() => {})
    const { calibration } = options
    this.calibration = choose(options.samples ?? 300, calibration.length, this.seed).map((i) => calibration[i]!)
    this.judged = options.validation?.samples ?? this.calibration.slice(0, judgingSamples)
    const all = layersOf(graph)
    this.layers = options.mode === 'weights' ? all.filter(({ weights }) => weights) : all
    const { validation } = options
    this.metric =
      options.metric ?? defaultMetric(outputWidth(this.output.value.type.shape), validation?.labels !== undefined)
  }

  planFor(layers: readonly Layer[]): Plan {
    if (this.options.mode === 'int8') return planOf(this.graph, layers, this.unfit)
    return { layers, stored: new Map(), moved: new Set(), reads: () => false }
  }

  /** How layers are stored where `smallest` are as small as was asked for: others have weights of 8 bits instead of 4, or floats. */
  private plannedFor(smallest: readonly Layer[], shared: Shared): { plan: Plan; decisions: Decisions } {
    const narrows = this.options.bits === 4
    const plan = this.planFor(narrows ? this.fitting() : smallest)
    const isNarrow = ({ weights: w }: Layer): boolean =>
      w!.tensor.data.length >= fewProducts * w!.channels && w!.channels >= fewChannels
    const narrow = narrows && { narrow: new Set(smallest.filter(isNarrow)) }
    // What was found for weights of 4 bits does not hold for those of 8.
    const only = <T>(found: ReadonlyMap<Layer, T>): Map<Layer, T> =>
      new Map([...found].filter(([layer]) => smallest.includes(layer)))
    const { corrections, weights } = shared
    const found = { ...(corrections && { corrections: only(corrections) }), ...(weights && { weights: only(weights) }) }
    return { plan, decisions: { ...narrow, ...found, parameters: this.parameters(plan) } }
  }

  private sources({ stored, moved }: Plan): Value[] {
    return [...stored.keys()].filter((value) => !moved.has(value))
  }

  /** Measures the float model. */
  async observe(): Promise<void> {
    const { graph, calibration, seed, progress, options } = this
    this.float = await this.outputs(graph, this.judged, 'measuring the float model')
    if (options.mode === 'weights') return
    const plan = this.planFor(this.layers)
    const values = this.sources(plan)
    this.observations = await observe(graph, values, calibration, options.executor, seed, progress)
    const { stored } = plan
    const groups = values.filter((v) => this.observations.get(v)!.notFinite > 0).map((v) => stored.get(v))
    this.unfit = new Set([...stored].filter(([, root]) => groups.includes(root)).map(([value]) => value))
  }

  /** The observed values of each group that shares parameters. */
  groups(plan: Plan): Map<Value, Observation[]> {
    const groups = new Map<Value, Observation[]>()
    for (const value of this.sources(plan)) {
      const root = plan.stored.get(value)!
      groups.set(root, [...(groups.get(root) ?? []), this.observations.get(value)!])
    }
    return groups
  }

  parameters(plan: Plan): Map<Value, Choice> {
    return new Map([...this.groups(plan)].map(([root, seen]) => [root, chooseRange(seen, this.clipsRare)]))
  }

  /** The layers that can be stored: those whose activations are finite. */
  fitting(): Layer[] {
    return this.layers.filter(({ node, data }) => data.every((i) => !this.unfit.has(node.operands[i]!)))
  }

  async outputs(graph: Graph, samples: readonly Sample[], step: string): Promise<Outputs> {
    const run = await this.options.executor.prepare(graph)
    return outputsOf(run, this.output.name, samples, this.progress, step)
  }

  async try(layers: readonly Layer[], shared: Shared): Promise<Trial> {
    const { plan, decisions } = this.plannedFor(layers, shared)
    const graph = rewrite(this.graph, plan, decisions)
    const { validation } = this.options
    const outputs = await this.outputs(graph, this.judged, 'measuring')
    const noise = this.judged.length > 0 ? relativeNoise(this.float, outputs) : NaN
    if (!validation) return { layers, plan, decisions, graph, accuracy: null, noise }
    const width = outputWidth(this.output.value.type.shape)
    const accuracy = accuracyOf(this.metric, this.float, outputs, width, validation.labels, this.seed)
    return { layers, plan, decisions, graph, accuracy, noise }
  }

  /** The weights of a trial rounded so that errors make up for each other on the samples. */
  async compensated({ plan, decisions }: Trial): Promise<Map<Layer, QuantizedWeights>> {
    const { graph, calibration, options, progress } = this
    const samples = calibration.slice(0, momentSamples)
    const moments = await secondMoments(graph, plan.layers, samples, options.executor, progress)
    return new Map([...moments].map(([layer, own]) => [layer, compensated(layer, own, weightsOf(decisions, layer))]))
  }

  async errors(trial: Trial): Promise<Map<Layer, LayerError>> {
    const { graph, calibration, options, progress } = this
    return layerErrors(graph, trial.plan, trial.decisions, calibration, options.executor, progress)
  }

  /** What each of the layers alone does to the outputs. */
  async sensitivities(layers: readonly Layer[], shared: Shared): Promise<Map<Layer, number>> {
    const { validation } = this.options
    const pool = validation ? validation.samples : this.calibration
    const samples = choose(rankingSamples, pool.length, this.seed).map((i) => pool[i]!)
    if (samples.length === 0) return new Map()
    const float = await this.outputs(this.graph, samples, 'ranking layers')
    const progress = this.progress
    let done = 0
    return sensitivities(layers, async (some) => {
      progress('ranking layers', done++, layers.length)
      const { plan, decisions } = this.plannedFor(some, shared)
      const graph = rewrite(this.graph, plan, decisions)
      const run = await this.options.executor.prepare(graph)
      return relativeNoise(float, await outputsOf(run, this.output.name, samples, () => {}, ''))
    })
  }
}

function check(graph: Graph, options: QuantizeOptions): void {
  const { mode, bits, calibration, validation, metric, maxDrop, samples } = options
  if (bits !== undefined && mode !== 'weights') fail('A501', 'only weights alone can have other bits than 8')
  if (bits !== undefined && ![4, 8].includes(bits)) fail('A501', `weights have 4 or 8 bits, not ${String(bits)}`)
  if (!measuredOutput(graph)) fail('A501', 'the model has no output of f32 of a fixed size to judge by')
  if (mode === 'int8' && (calibration.length === 0 || samples === 0))
    fail('A501', 'there are no samples to calibrate on')
  if (maxDrop !== undefined && (!validation || validation.samples.length === 0))
    fail('A501', 'a budget needs samples to measure accuracy on')
  if ((metric === 'top1' || metric === 'auc') && validation && !validation.labels)
    fail('A501', `metric ${metric} needs labels`, { hint: 'give them as an array "y", or measure agreement' })
}

/** The trial with less noise in the outputs: counting metrics are too coarse to tell techniques apart. */
const isBetter = (a: Trial, b: Trial): boolean => a.noise < b.noise

/** The trial that loses less, or of equals the one that quantizes more. */
function closer(a: Trial, b: Trial): Trial {
  const [x, y] = [a.accuracy!.drop, b.accuracy!.drop]
  return x < y || (x === y && a.layers.length >= b.layers.length) ? a : b
}

/**
 * The graph with its weights, and in mode `int8` its activations, as integers that are dequantized where they are read.
 * Biases are corrected, and weights alone rounded with care, where that helps; with `maxDrop` as many layers stay in f32
 * as it takes. A501 where the samples do not suffice or nothing can be quantized.
 */
export async function quantize(source: Graph, options: QuantizeOptions): Promise<Quantized> {
  check(source, options)
  const { maxDrop } = options
  const notes: string[] = []
  const techniques: string[] = []
  let study = new Study(runPasses(source), options)
  if (study.layers.length === 0) fail('A501', 'the model has no weights that could be quantized')
  await study.observe()
  if (study.fitting().length === 0) fail('A501', 'no layer has finite activations on the samples')
  let trial = await study.try(study.fitting(), {})
  const consider = (technique: string, candidate: Trial): boolean => {
    const helps = isBetter(candidate, trial)
    if (helps) techniques.push(technique)
    else notes.push(`${technique} was left out: it did not help`)
    if (helps) trial = candidate
    return helps
  }

  const { graph, calibration, progress } = study
  if (options.mode === 'int8') {
    const equalized = await equalize(graph, calibration, options.executor, progress)
    if (equalized !== graph) {
      const other = new Study(equalized, options)
      await other.observe()
      if (consider('equalization', await other.try(other.fitting(), {}))) study = other
    }
  }
  const layers = study.fitting()
  if (options.mode === 'int8') {
    study.clipsRare = true
    study.clipsRare = consider('clipping of rare values', await study.try(layers, {}))
  }
  let errors: ReadonlyMap<Layer, LayerError> = new Map()
  if (calibration.length > 0) {
    if (options.mode === 'weights') {
      const weights = await study.compensated(trial)
      if (weights.size > 0) consider('rounding that makes up for errors', await study.try(layers, { weights }))
    }
    errors = await study.errors(trial)
    const corrections = new Map([...errors].map(([layer, { shift }]) => [layer, shift]))
    consider('bias correction', await study.try(layers, { ...trial.decisions, corrections }))
  }
  const fits = ({ accuracy }: Trial): boolean => maxDrop === undefined || accuracy!.drop <= maxDrop

  const shared = trial.decisions
  const over = !fits(trial)
  const found = over || options.sensitivity ? await study.sensitivities(layers, shared) : new Map<Layer, number>()
  if (over) {
    const ranked = ranking(found)
    // Giving all layers back to f32 is no model of integers, but 8 bits for all of them are one.
    const most = ranked.length + (options.bits === 4 ? 1 : 0)
    const { best, attempts } = await bisect(most, (given) => study.try(ranked.slice(given), shared), fits)
    trial = best?.result ?? attempts.map(({ result }) => result).reduce(closer, trial)
    const given = layers.length - trial.layers.length
    const left = options.bits === 4 ? 'with weights of 8 bits' : 'left in f32'
    if (given > 0) techniques.push(`${given} of ${layers.length} layers ${left}`)
  }
  notes.push(...remarks(trial, maxDrop))
  const report = reportOf(study, trial, { sensitivity: found, errors, techniques, notes, withinBudget: fits(trial) })
  return { graph: trial.graph, report }
}

/** What the figures do not say by themselves. */
function remarks({ accuracy }: Trial, maxDrop: number | undefined): string[] {
  if (!accuracy || maxDrop === undefined) return []
  const [low, high] = accuracy.interval
  const decided = high <= maxDrop || low > maxDrop
  return decided ? [] : [`${accuracy.samples} samples are too few to tell whether the drop is within ${maxDrop}`]
}

export type { Study }
