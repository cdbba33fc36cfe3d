import type { Builder } from '../../core/builder.ts'
import { convert } from '../../core/scalar/expr.ts'
import * as f from '../../core/scalar/formula.ts'
import { applyPatch, type Port, type Value } from '../../core/graph.ts'
import { batch } from '../../transform/batch.ts'
import { vjp } from '../../transform/gradients.ts'
import { dropoutMask } from './dropout.ts'
import { objective, type ObjectiveOptions } from '../distill/objective.ts'
import type { Parameter, Statistic, TrainableModel } from '../model/model.ts'
import { batchStatistics } from './normalization.ts'
import { input, ports } from '../model/ports.ts'
import { flattened, scoresOf } from '../model/scores.ts'

export interface GradientOptions extends ObjectiveOptions {
  /** Samples that the program takes: of a batch, or of a micro-batch. */
  readonly batch: number
  /** Parameters that stay as they are. */
  readonly frozen?: ReadonlySet<string> | undefined
  /** Batch normalization by running statistics, which stay as they are. */
  readonly frozenStatistics?: boolean | undefined
  readonly seed: number
}

/** What samples say of the parameters. */
export interface BatchGradients {
  /** The data, the target where it is labels, and the counter where there are dropouts. */
  readonly inputs: readonly Port[]
  /** Σ weight · loss, f32[]. */
  readonly sum: Value
  /** The weight of samples that are right, f32[]; undefined for regression. Without labels the teacher's answers are. */
  readonly correct: Value | undefined
  /** Of Σ share · loss, for each of `trainedParameters`. */
  readonly gradients: readonly Value[]
  readonly observed: readonly Observed[]
}

/** What a running statistic takes in of a batch, and the share of the old that stays. */
export interface Observed {
  readonly statistic: Statistic
  readonly value: Value
  readonly momentum: number
}

export const trainedParameters = (
  { parameters }: TrainableModel,
  { frozen }: Pick<GradientOptions, 'frozen'>,
): readonly Parameter[] => parameters.filter(({ name }) => !frozen?.has(name))

/** Prediction, loss and gradients of samples; `weight` and `share` are f32[N], what each counts in the loss and in the gradients. */
export function batchGradients(
  b: Builder,
  model: TrainableModel,
  options: GradientOptions,
  weight: Value,
  share: Value,
): BatchGradients {
  const { forward, observed, counter } = trainingForward(b, model, options)
  const scores = flattened(b, forward.scores)
  const data = model.data.map((name) => forward.inputs.find((port) => port.name === name)!)
  const { target, perSample, derivative, correct } = objective(
    b,
    scores,
    data.map(({ value }) => value),
    options,
  )
  const right = correct && b.map([correct, weight], (c, w) => f.mul(convert(c, 'f32'), w))
  const cotangent = b.map([derivative, b.broadcastInDim(share, scores.type.shape, [0])], (d, w) => f.mul(d, w))
  const wanted = trainedParameters(model, options).map(({ value }) => value)
  return {
    inputs: [...data, ...(target ? [target] : []), ...(counter ? [counter] : [])],
    sum: b.reduce('add', b.binary('mul', perSample, weight), [0]),
    correct: right && b.reduce('add', right, [0]),
    gradients: vjp([scores], [cotangent], wanted),
    observed,
  }
}

/** The model's prediction in training mode: statistics of the batch, dropout. */
function trainingForward(b: Builder, model: TrainableModel, options: GradientOptions) {
  const normalizations = options.frozenStatistics ? [] : model.normalizations
  const { graph: source, masks } = withMasks(b, model, [
    scoresOf(model, options.loss),
    ...normalizations.map(({ x }) => x),
  ])
  const batched = batch(source, options.batch, new Set([...model.data, ...masks.map(({ name }) => name)]))
  const replacements = new Map<Value, Value>()
  const counter = masks.length > 0 ? input(ports.counter, 'u32', []) : undefined
  masks.forEach(({ value }, place) => {
    const { shape } = batched.value(value).value.type
    const { ratio } = model.dropouts[place]!
    if (counter) replacements.set(value, dropoutMask(b, shape, ratio, counter.value, options.seed, place))
  })
  const read = source.outputs.slice(1).map(({ value }) => value)
  normalizations.forEach((normalization, i) => {
    const { mean, variance } = batchStatistics(b, batched.value(read[i]!), normalization)
    replacements.set(normalization.mean.value, mean)
    replacements.set(normalization.variance.value, variance)
  })
  const graph = batched.replacing(replacements)
  const [scores, ...found] = graph.outputs.map(({ value }) => value)
  // Computed from what the normalizations read in the end; passes leave one of equal computations.
  const observed = normalizations.flatMap((normalization, i): Observed[] => {
    const { batched: has } = batched.value(read[i]!)
    const { running } = batchStatistics(b, { value: found[i]!, batched: has }, normalization)
    const { momentum } = normalization
    return (['mean', 'variance'] as const).map((which) => ({
      ...{ statistic: normalization[which], value: running[which], momentum },
    }))
  })
  return { forward: { inputs: graph.inputs, scores: scores! }, observed, counter }
}

/** The model's graph with a factor behind each dropout, which is an input: its mask. `values` are the outputs. */
function withMasks(b: Builder, { graph, dropouts }: TrainableModel, values: readonly Value[]) {
  const masks = dropouts.map(({ x }, i) => input(ports.mask(i), 'f32', x.type.shape))
  const patch = new Map(dropouts.map(({ x, value }, i) => [value, b.binary('mul', x, masks[i]!.value)]))
  const outputs = values.map((value, i): Port => ({ name: `${i}`, value }))
  const masked = applyPatch({ inputs: graph.inputs, outputs }, patch)
  return { graph: { inputs: [...graph.inputs, ...masks], outputs: masked.outputs }, masks }
}
