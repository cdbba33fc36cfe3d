import type { Builder } from '../../core/builder.ts'
import { convert } from '../../core/scalar/expr.ts'
import type { DType } from '../../core/scalar/dtype.ts'
import * as f from '../../core/scalar/formula.ts'
import type { Value } from '../../core/graph.ts'
import type { Shape } from '../../core/shape.ts'
import type { Loss, Target } from './loss.ts'

/**
 * The type of one sample's target, for scores of shape `scores` without the batch axis: the number of a class i32[], or f32 of the scores'
 * shape. `soft`: a probability for each class.
 */
export const targetType = ({ classes }: Loss, scores: Shape, soft: boolean): { dtype: DType; shape: Shape } =>
  classes && !soft ? { dtype: 'i32', shape: [] } : { dtype: 'f32', shape: scores }

/** i32[N] from scores or probabilities [N, K]; the first among equals. */
export const mostProbable = (b: Builder, scores: Value): Value =>
  b.argreduce(scores, { kind: 'max', axis: 1, last: false })

/** Targets as the loss takes them, from N of `targetType` for scores [N, …]. */
export function targetFrom(b: Builder, loss: Loss, given: Value, scores: Value): Target {
  if (!loss.classes) return { values: given }
  if (given.type.shape.length > 1) return { values: given, label: mostProbable(b, given) }
  return { values: oneHot(b, given, scores.type.shape), label: given }
}

/** 1 where class k is the target's: f32[N, K] from i32[N]. */
function oneHot(b: Builder, target: Value, shape: Shape): Value {
  const column = b.broadcastInDim(target, shape, [0])
  return b.map([column, b.iota('i32', shape, 1)], (t, k) => convert(f.eq(t, k), 'f32'))
}
