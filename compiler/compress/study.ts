import type { Graph, Port, Value } from '../core/graph.ts'
import type { Accuracy, Metric } from '../core/artefact/quantization-report.ts'
import { choose } from '../core/random/random.ts'
import { observe, type Observation, type Progress, type Sample } from './calibrate.ts'
import { compensated } from './techniques/compensate.ts'
import { layerErrors, type LayerErrors } from './techniques/correct-bias.ts'
import { doubts } from './accuracy/doubt.ts'
import { bitsOfForm, formsOf, type Form } from './forms.ts'
import { layersOf, type Layer } from './layers.ts'
import {
  accuracyOf,
  defaultMetric,
  measuredOutput,
  outputsOf,
  outputWidth,
  relativeNoise,
  type Outputs,
} from './accuracy/metric.ts'
import type { QuantizeOptions } from './options.ts'
import { planOf, type Plan } from './plan.ts'
import { chooseRange, type Choice } from './range.ts'
import { rewrite, weightsOf, type Decisions } from './rewrite.ts'
import { sensitivities } from './search.ts'
import { tiedLayers } from './tied.ts'
import { secondMoments } from './techniques/second-moments.ts'
import type { QuantizedWeights } from './weights.ts'

/** Samples on which layers are ranked, and trials where there is no validation: their noise shows on a few. */
const rankingSamples = 32
const judgingSamples = 100
/** Samples from which it is learnt which inputs of a layer go together. */
const momentSamples = 64

/** How many levels each layer was given back, of `formsOf`; layers that are not in it are in f32. */
export type Levels = ReadonlyMap<Layer, number>

/** What was found out for layers on one level. */
export type Found = Pick<Decisions, 'weights' | 'corrections'>

/** A range that was chosen for observations. */
interface Chosen {
  readonly seen: readonly Observation[]
  readonly clipsRare: boolean
  readonly choice: Choice
}

/** One way to quantize, and what it does to the outputs. */
export interface Trial {
  readonly levels: Levels
  readonly plan: Plan
  readonly decisions: Decisions
  readonly graph: Graph
  readonly accuracy: Accuracy | null
  /** Of the measured output, relative to its mean square; NaN where there are no samples at all. */
  readonly noise: number
}

/** What is known of the float model, and all that trials share. */
export class Study {
  readonly graph: Graph
  readonly options: QuantizeOptions
  readonly layers: readonly Layer[]
  /** Products with the lookups in the same tables. */
  private readonly tied: ReturnType<typeof tiedLayers>
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
  /** By the first observation: most trials ask for the same ranges again. */
  private readonly chosen = new Map<Observation, readonly Chosen[]>()
  readonly output: Port
  readonly metric: Metric

  constructor(graph: Graph, options: QuantizeOptions) {
    this.graph = graph
    this.options = options
    this.output = measuredOutput(graph)!
    this.seed = options.seed ?? 1
    this.progress = options.onProgress ?? (() => {})
    this.calibration = this.some(options.samples ?? 300, options.calibration)
    this.judged = options.validation?.samples ?? this.some(judgingSamples, this.calibration)
    const all = layersOf(graph)
    this.layers = options.mode === 'weights' ? all.filter(({ weights }) => weights) : all
    this.tied = tiedLayers(this.layers)
    const { validation } = options
    this.metric =
      options.metric ?? defaultMetric(outputWidth(this.output.value.type.shape), validation?.labels !== undefined)
  }

  /** A seeded choice: data may be sorted, so that its head would be of one kind. */
  private some(count: number, samples: readonly Sample[]): Sample[] {
    return choose(count, samples.length, this.seed).map((i) => samples[i]!)
  }

  /** The form of a layer that was given back so many levels. */
  form(layer: Layer, level: number | undefined): Form {
    return (level === undefined ? undefined : formsOf(layer, this.options)[level]) ?? 'float'
  }

  /**
   * The levels with lookups and the product by the same table on the form of as many bits: that of the one that has most, since it then
   * stands once.
   */
  together(levels: Levels): Levels {
    const result = new Map(levels)
    for (const [product, lookups] of this.tied) {
      const all = [product, ...lookups].filter((layer) => levels.has(layer))
      if (all[0] !== product || this.form(product, levels.get(product)) === 'integers') continue
      const most = Math.max(...all.map((layer) => bitsOfForm[this.form(layer, levels.get(layer))]))
      for (const layer of all) {
        let level = levels.get(layer)!
        while (bitsOfForm[this.form(layer, level)] < most) level++
        result.set(layer, level)
      }
    }
    return result
  }

  private layersIn(form: Form, levels: Levels): Layer[] {
    return [...levels].filter(([layer, level]) => this.form(layer, level) === form).map(([layer]) => layer)
  }

  planFor(levels: Levels): Plan {
    const integers = this.layersIn('integers', levels)
    const layers = [...levels].filter(([layer, level]) => this.form(layer, level) !== 'float').map(([layer]) => layer)
    return { ...planOf(this.graph, integers, this.unfit), layers }
  }

  /** `found` is of each level. */
  private plannedFor(given: Levels, found: readonly Found[]): { plan: Plan; decisions: Decisions } {
    const levels = this.together(given)
    const plan = this.planFor(levels)
    const weights = new Map<Layer, QuantizedWeights>()
    const corrections = new Map<Layer, ArrayLike<number>>()
    for (const layer of plan.layers) {
      const own = found[levels.get(layer)!] ?? found[given.get(layer)!]
      if (own?.weights?.has(layer)) weights.set(layer, own.weights.get(layer)!)
      if (own?.corrections?.has(layer)) corrections.set(layer, own.corrections.get(layer)!)
    }
    const bits = new Map(
      (['bits3', 'bits4'] as const).flatMap((form) =>
        this.layersIn(form, levels).map((layer) => [layer, bitsOfForm[form]] as const),
      ),
    )
    return { plan, decisions: { bits, weights, corrections, parameters: this.parameters(plan) } }
  }

  private sources({ stored, moved }: Plan): Value[] {
    return [...stored.keys()].filter((value) => !moved.has(value))
  }

  /** Measures the float model. */
  async observe(): Promise<void> {
    const { graph, calibration, seed, progress, options } = this
    this.float = await this.outputs(graph, this.judged, 'measuring the float model')
    if (options.mode === 'weights') return
    const plan = planOf(graph, this.layers)
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
    return new Map([...this.groups(plan)].map(([root, seen]) => [root, this.choose(seen)]))
  }

  private choose(seen: readonly Observation[]): Choice {
    const { clipsRare } = this
    const known = this.chosen.get(seen[0]!) ?? []
    const isSame = (one: Chosen): boolean =>
      one.clipsRare === clipsRare && one.seen.length === seen.length && one.seen.every((o, i) => o === seen[i])
    const same = known.find(isSame)
    if (same) return same.choice
    const choice = chooseRange(seen, clipsRare)
    this.chosen.set(seen[0]!, [...known, { seen, clipsRare, choice }])
    return choice
  }

  /** The layers that can be stored: those whose activations are finite. */
  fitting(): Layer[] {
    return this.layers.filter(({ node, data }) => data.every((i) => !this.unfit.has(node.operands[i]!)))
  }

  /** All layers that can be stored, on the same level; those that have no such level but f32 are left out. */
  all(level: number): Levels {
    const layers = this.fitting().filter((layer) => this.form(layer, level) !== 'float')
    return new Map(layers.map((layer) => [layer, level]))
  }

  async outputs(graph: Graph, samples: readonly Sample[], step: string): Promise<Outputs> {
    const run = await this.options.executor.prepare(graph)
    return outputsOf(run, this.output.name, samples, this.progress, step)
  }

  async try(levels: Levels, found: readonly Found[]): Promise<Trial> {
    const { plan, decisions } = this.plannedFor(levels, found)
    const graph = rewrite(this.graph, plan, decisions)
    const { validation } = this.options
    const outputs = await this.outputs(graph, this.judged, 'measuring')
    const noise = this.judged.length > 0 ? relativeNoise(this.float, outputs) : NaN
    if (!validation) return { levels, plan, decisions, graph, accuracy: null, noise }
    const width = outputWidth(this.output.value.type.shape)
    const accuracy = accuracyOf(this.metric, this.float, outputs, width, validation.labels, this.seed)
    return { levels, plan, decisions, graph, accuracy, noise }
  }

  /** The weights of layers on these levels rounded so that errors make up for each other on the samples. */
  async compensated(levels: Levels): Promise<Map<Layer, QuantizedWeights>> {
    const { plan, decisions } = this.plannedFor(levels, [])
    const { graph, calibration, options, progress } = this
    const samples = this.some(momentSamples, calibration)
    const moments = await secondMoments(graph, plan.layers, samples, options.executor, progress)
    return new Map(
      [...moments].map(([layer, own]) => [layer, compensated(layer, own, weightsOf(plan, decisions, layer))]),
    )
  }

  /** What quantization does to each layer alone. */
  async errors(levels: Levels, found: readonly Found[]): Promise<LayerErrors> {
    const { graph, calibration, options, progress } = this
    const { plan, decisions } = this.plannedFor(levels, found)
    return layerErrors(graph, plan, decisions, calibration, options.executor, progress)
  }

  /** What makes the accuracy meaningless; A504 where it surely is. */
  doubts(accuracy: Accuracy): string[] {
    const width = outputWidth(this.output.value.type.shape)
    return doubts(this.metric, this.float, width, this.options.validation?.labels, accuracy)
  }

  /** What each of the layers alone does to the outputs. */
  async sensitivities(levels: Levels, found: readonly Found[]): Promise<Map<Layer, number>> {
    const { validation } = this.options
    const samples = this.some(rankingSamples, validation ? validation.samples : this.calibration)
    if (samples.length === 0) return new Map()
    const float = await this.outputs(this.graph, samples, 'ranking layers')
    const progress = this.progress
    let done = 0
    return sensitivities([...levels.keys()], async (layer) => {
      progress('ranking layers', done++, levels.size)
      const { plan, decisions } = this.plannedFor(new Map([[layer, levels.get(layer)!]]), found)
      const graph = rewrite(this.graph, plan, decisions)
      const run = await this.options.executor.prepare(graph)
      return relativeNoise(float, await outputsOf(run, this.output.name, samples, () => {}, ''))
    })
  }
}
