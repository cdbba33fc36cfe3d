import type { Builder } from '../../core/builder.ts'
import type { Expr } from '../../core/scalar/expr.ts'
import * as f from '../../core/scalar/formula.ts'
import type { Value } from '../../core/graph.ts'
import type { Loss, LossOptions } from './loss.ts'
import { mostProbable } from './target.ts'

/** exp(s − max s) and its sum along the last axis. */
function exponentials(b: Builder, scores: Value): { shifted: Value; powers: Value; sum: Value } {
  const axis = scores.type.shape.length - 1
  const greatest = b.reduce('max', scores, [axis], true)
  const shifted = b.map([scores, greatest], (s, m) => f.sub(s, m))
  const powers = b.unary('exp', shifted)
  return { shifted, powers, sum: b.reduce('add', powers, [axis], true) }
}

/** The probability that a class should have. */
const smoothed = (q: Expr, classes: number, { labelSmoothing = 0 }: LossOptions): Expr =>
  labelSmoothing === 0 ? q : f.add(f.mul(q, 1 - labelSmoothing), labelSmoothing / classes)

/** −Σ q log p with p = softmax(scores) and q the target's probabilities, smoothed: (1 − ε) q + ε / K. */
export const softmaxCrossEntropy: Loss = {
  activation: 'softmax',
  classes: true,
  smooths: true,
  perSample: (b, scores, target, options) => {
    const classes = scores.type.shape[1]!
    const { shifted, sum } = exponentials(b, scores)
    const terms = b.map([target, shifted, sum], (q, s, z) => f.mul(smoothed(q, classes, options), f.sub(f.log(z), s)))
    return b.reduce('add', terms, [1])
  },
  derivative: (b, scores, target, options) => {
    const classes = scores.type.shape[1]!
    const { powers, sum } = exponentials(b, scores)
    return b.map([powers, sum, target], (e, z, q) => f.sub(f.div(e, z), smoothed(q, classes, options)))
  },
  prediction: (b, scores) => {
    const { powers, sum } = exponentials(b, scores)
    return b.map([powers, sum], (e, z) => f.div(e, z))
  },
  correct: (b, scores, { label }) => b.map([mostProbable(b, scores), label!], (k, t) => f.eq(k, t)),
  agree: (b, scores, others) =>
    b.map(
      [scores, others].map((x) => mostProbable(b, x)),
      (k, t) => f.eq(k!, t!),
    ),
}
