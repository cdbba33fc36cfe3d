import type { Builder } from '../../core/builder.ts'
import type { Value } from '../../core/graph.ts'

export interface LossOptions {
  /** The share of a target's probability that is spread evenly over all classes, 0 ≤ ε < 1 (Szegedy et al., 2016). */
  readonly labelSmoothing?: number | undefined
}

/** What the scores of N samples are compared with. */
export interface Target {
  /** f32[N, …] of the scores' shape. */
  readonly values: Value
  /** i32[N], the class that is most probable; undefined without classes. */
  readonly label?: Value
}

export interface Loss {
  /** The function that turns the scores that the loss takes into a model's output; undefined for a loss of outputs as they are. */
  readonly activation: 'softmax' | 'sigmoid' | undefined
  /** Whether a sample is of one of several classes: its target is the number of one, or a probability for each. */
  readonly classes: boolean
  /** Whether targets can be smoothed. */
  readonly smooths: boolean
  /** f32[N] from scores f32[N, …] and targets of the same type: probabilities, or values that the scores should have. */
  readonly perSample: (b: Builder, scores: Value, target: Value, options: LossOptions) => Value
  /** d perSample / d scores: [N, …]. Given, not derived: what is left after cancelling is both shorter and more exact. */
  readonly derivative: (b: Builder, scores: Value, target: Value, options: LossOptions) => Value
  /** What scores f32[N, …] say, as a target of the same type: the one whose loss is least. */
  readonly prediction: (b: Builder, scores: Value) => Value
  /** bool[N], whether a sample is right; none for regression. */
  readonly correct?: (b: Builder, scores: Value, target: Target) => Value
  /** bool[N], whether two models with these scores give the same answer; none for regression. */
  readonly agree?: (b: Builder, scores: Value, others: Value) => Value
}

/** All axes but the first, summed. */
export const sumPerSample = (b: Builder, x: Value): Value =>
  b.reduce(
    'add',
    x,
    x.type.shape.slice(1).map((_, i) => i + 1),
  )
