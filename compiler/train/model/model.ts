import type { Graph, Value } from '../../core/graph.ts'
import type { Range } from '../../core/analysis/lookup-ranges.ts'
import type { Tensor } from '../../core/tensor.ts'
import type { Initializer } from '../network/initializers.ts'
import type { Activation } from './predictor.ts'

/** A tensor that training changes: an input of the model's graph until it is trained, then a constant. */
export interface Parameter {
  readonly name: string
  readonly value: Value
  readonly start: Tensor
  /** Whether weight decay shrinks it: weights of products and convolutions, not biases and scales. */
  readonly decays: boolean
  /** What each step moves it towards, a value that is computed from `value` alone, and by which share of the way. */
  readonly pull?: { readonly towards: Value; readonly share: number }
  /** How a new one is drawn, where that is known. */
  readonly initializer?: Initializer
}

/** How many numbers parameters are. */
export const parameterCount = (parameters: readonly Parameter[]): number =>
  parameters.reduce((sum, { start }) => sum + start.data.length, 0)

/** Batch normalization: `mean` and `variance` are inputs of the graph that hold the running statistics of `x`. */
export interface Normalization {
  readonly name: string
  readonly x: Value
  /** The axis of `x` that has a mean and a variance for each position. */
  readonly axis: number
  readonly mean: Statistic
  readonly variance: Statistic
  /** The share of the old statistics that stays at each step: PyTorch's 1 − momentum, ONNX's momentum. */
  readonly momentum: number
}

export interface Statistic {
  readonly name: string
  readonly value: Value
  readonly start: Tensor
}

export const statisticsOf = (normalizations: readonly Normalization[]): readonly Statistic[] =>
  normalizations.flatMap(({ mean, variance }) => [mean, variance])

/** `value`, which is equal to `x` at inference; training sets a share of `ratio` of it to zero. */
export interface Dropout {
  readonly x: Value
  readonly value: Value
  readonly ratio: number
}

/**
 * A model that can be trained: its inference graph for one sample, whose inputs are data, parameters and running statistics.
 * The graph has one output, the prediction.
 */
export interface TrainableModel {
  readonly graph: Graph
  /** Names of the inputs that are data. */
  readonly data: readonly string[]
  readonly parameters: readonly Parameter[]
  readonly normalizations: readonly Normalization[]
  readonly dropouts: readonly Dropout[]
  /** What the loss takes: scores before a softmax or sigmoid at the end, else the output. */
  readonly scores: Value
  /** The function at the end that turns scores into the output. */
  readonly activation: Activation
  /** Names of layers whose constants are tables, such as of a Fourier transform. */
  readonly fixedLayers?: readonly string[] | undefined
  /** What ids may be, by the name of their input, where the model says; else the graph tells. */
  readonly ranges?: ReadonlyMap<string, Range> | undefined
  /** Samples a second of the sound that it takes, where a layer says so. */
  readonly rate?: number | undefined
}
