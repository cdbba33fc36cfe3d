/** Quantization-aware training: a model is quantized, and then trained as it will compute. */
import type { TypedArray } from '../../core/scalar/dtype.ts'
import type { Executor, ParallelExecutor } from '../../core/executor.ts'
import { allNodesOf, type Graph } from '../../core/graph.ts'
import type { QuantizationReport } from '../../core/artefact/quantization-report.ts'
import { choose } from '../../core/random/random.ts'
import { tensor } from '../../core/tensor.ts'
import {
  isBetter,
  judgeOf,
  scorer,
  tensorsOf,
  trainedGraph,
  type Fit,
  type FitOptions,
  type Samples,
  type Score,
  type TrainableModel,
} from '../../train/index.ts'
import type { Progress, Sample } from '../calibrate.ts'
import { studied } from '../quantize.ts'
import type { Layer } from '../layers.ts'
import type { Bits } from '../weights.ts'
import { quantizedModel, type Ends } from './trainable.ts'

type SampleData = Readonly<Record<string, TypedArray>>

export interface QuantizeTrainingOptions {
  readonly mode: 'int8' | 'weights'
  /** Of weights, in mode `weights`. */
  readonly bits?: Bits | undefined
  readonly epochs: number
  readonly learningRate: number
}

/** What is quantized, and with what. */
export interface QuantizeContext {
  readonly fitting: FitOptions
  readonly train: Samples
  readonly validation: Samples
  readonly executor: ParallelExecutor
  readonly onProgress?: Progress | undefined
  /** Trains a model with some options instead of those of the other trainings. */
  readonly fit: (model: TrainableModel, options: Partial<FitOptions> & Pick<FitOptions, 'epochs'>) => Promise<Fit>
}

export interface QuantizedTraining {
  /** The quantized model in the form in which it was trained. */
  readonly model: TrainableModel
  /** The training, with the model that was chosen as its best. */
  readonly fit: Fit
  /** The chosen model, with integers for constants. */
  readonly graph: Graph
  readonly report: QuantizedTrainingReport
}

/** Scores are of the validation data. */
export interface QuantizedTrainingReport {
  readonly mode: 'int8' | 'weights'
  readonly bits: Bits
  readonly float: Score
  /** Without training: the control. */
  readonly before: Score
  /** The epoch that the training keeps. */
  readonly after: Score
  /** Whether training made it better. */
  readonly helped: boolean
  /** Whether the model is what was trained; else it is what it was before. */
  readonly kept: boolean
  /** How the model was quantized before training. */
  readonly quantization: QuantizationReport
}

/** What training computed for a sample with the chosen model: the elements of the prediction. */
export async function predictionOf(
  { model, fit }: Pick<QuantizedTraining, 'model' | 'fit'>,
  executor: Executor,
): Promise<(inputs: SampleData) => Float32Array> {
  const run = await executor.prepare(model.graph)
  const [output] = model.graph.outputs
  const types = new Map(model.graph.inputs.map(({ name, value }) => [name, value.type]))
  return (inputs) => {
    const all = Object.entries({ ...fit.best.values, ...inputs })
    const tensors = all.map(
      ([name, data]) => [name, tensor(types.get(name)!.dtype, types.get(name)!.shape, data)] as const,
    )
    return (run(Object.fromEntries(tensors))[output!.name]!.data as Float32Array).slice()
  }
}

/** Samples on which ranges are observed. */
const calibrationSamples = 300

/**
 * Quantizes a model with `values`, trains what came of it, and gives the better of the two by validation, or what was trained where the last
 * epoch is kept.
 * @throws CompileError A504, A506 where the model or the data will not do.
 */
export async function quantizationAware(
  source: TrainableModel,
  values: Fit['best']['values'],
  { mode, bits, epochs, learningRate }: QuantizeTrainingOptions,
  context: QuantizeContext,
): Promise<QuantizedTraining> {
  const { executor, fitting, validation, onProgress } = context
  const { seed } = fitting
  const { graph, ends } = withScores(source, values)
  const calibration = await someOf(context.train, source, seed)
  const { study, trial, report } = await studied(graph, { mode, bits, calibration, executor, seed, onProgress })
  const { model, layers, quantized } = quantizedModel(study, trial, ends)
  const scoreOf = async (of: TrainableModel, values: Fit['best']['values']): Promise<Score> => {
    const own = await scorer(of, Math.min(fitting.batch, validation.count), judgeOf(fitting), executor)
    own.load(values)
    return own.score(validation)
  }
  const float = await scoreOf(source, values)
  const start = Object.fromEntries(tensorsOf(model).map(({ name, start }) => [name, start.data]))
  const before = await scoreOf(model, start)
  const frozen = frozenIn(source, layers, fitting)
  const fit = await context.fit(model, { epochs, learningRate, frozen })
  const after = fit.best.validation
  const helped = isBetter(after, before)
  // The last epoch is kept whatever its validation.
  const kept = helped || fitting.keep === 'last'
  const best = kept ? fit.best : { epoch: -1, validation: before, values: start }
  return {
    ...{ model, fit: { ...fit, best }, graph: quantized(best.values) },
    report: { ...{ mode, bits: bits ?? 8, float, before, after, helped, kept }, quantization: report },
  }
}

/** The inference graph with what the loss takes as a second output. */
function withScores(model: TrainableModel, values: Fit['best']['values']): { graph: Graph; ends: Ends } {
  const { graph, scores, activation } = model
  const [output] = graph.outputs
  const { name: prediction, value } = output!
  if (scores === value) {
    return { graph: trainedGraph(model, values).graph, ends: { prediction, scores: prediction, activation } }
  }
  const name = `${prediction}:scores`
  const outputs = [output!, { name, value: scores }]
  const whole = trainedGraph({ ...model, graph: { ...graph, outputs } }, values)
  return { graph: whole.graph, ends: { prediction, scores: name, activation } }
}

/** A seeded choice of samples, as calibration takes them. */
async function someOf(samples: Samples, { graph, data }: TrainableModel, seed: number): Promise<Sample[]> {
  const types = new Map(graph.inputs.map(({ name, value }) => [name, value.type]))
  const found: Sample[] = []
  for (const index of choose(calibrationSamples, samples.count, seed)) {
    const { inputs } = await samples.at(index, 0)
    const own = data.map(
      (name) => [name, tensor(types.get(name)!.dtype, types.get(name)!.shape, inputs[name]!)] as const,
    )
    found.push(Object.fromEntries(own))
  }
  return found
}

/** The parameters of layers all of whose tensors stay as they are in other trainings: frozen ones, and fixed tables. */
function frozenIn(
  { graph, parameters }: TrainableModel,
  layers: ReadonlyMap<string, Layer>,
  { frozen }: FitOptions,
): ReadonlySet<string> {
  const trained = new Set(parameters.filter(({ name }) => !frozen?.has(name)).map(({ value }) => value))
  const nodes = new Set(
    allNodesOf(graph).flatMap(({ operands, origin }) =>
      origin && operands.some((o) => trained.has(o)) ? [origin.node] : [],
    ),
  )
  return new Set(
    [...layers].filter(([, { node }]) => node.origin && !nodes.has(node.origin.node)).map(([name]) => name),
  )
}
