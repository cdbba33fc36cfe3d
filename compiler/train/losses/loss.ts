import type { Builder } from '../../core/builder.ts'
import type { Value } from '../../core/graph.ts'
import type { DType } from '../../core/dtype.ts'
import type { Shape } from '../../core/shape.ts'

export interface LossOptions {
  /** The share of a target's probability that is spread evenly over all classes, 0 ≤ ε < 1 (Szegedy et al., 2016). */
  readonly labelSmoothing?: number | undefined
}

export interface Loss {
  /** The type of one sample's target, for scores of shape `scores` without the batch axis. */
  readonly target: (scores: Shape) => { readonly dtype: DType; readonly shape: Shape }
  /** The function that turns the scores that the loss takes into a model's output; undefined for a loss of outputs as they are. */
  readonly activation: 'softmax' | 'sigmoid' | undefined
  /** Whether the target is the number of a class. */
  readonly classes: boolean
  /** Whether targets can be smoothed. */
  readonly smooths: boolean
  /** f32[N] from scores f32[N, …] and targets [N, …]. */
  readonly perSample: (b: Builder, scores: Value, target: Value, options: LossOptions) => Value
  /** d perSample / d scores: [N, …]. Given, not derived: what is left after cancelling is both shorter and more exact. */
  readonly derivative: (b: Builder, scores: Value, target: Value, options: LossOptions) => Value
  /** bool[N], whether a sample is right; none for regression. */
  readonly correct?: (b: Builder, scores: Value, target: Value) => Value
}

/** All axes but the first, summed. */
export const sumPerSample = (b: Builder, x: Value): Value =>
  b.reduce(
    'add',
    x,
    x.type.shape.slice(1).map((_, i) => i + 1),
  )
