import type { Builder } from '../../core/builder.ts'
import { convert, type Expr } from '../../core/expr.ts'
import * as f from '../../core/formula.ts'
import type { Value } from '../../core/graph.ts'
import type { Loss, LossOptions } from './loss.ts'

/** exp(s − max s) and its sum along the last axis. */
function exponentials(b: Builder, scores: Value): { shifted: Value; powers: Value; sum: Value } {
  const axis = scores.type.shape.length - 1
  const greatest = b.reduce('max', scores, [axis], true)
  const shifted = b.map([scores, greatest], (s, m) => f.sub(s, m))
  const powers = b.unary('exp', shifted)
  return { shifted, powers, sum: b.reduce('add', powers, [axis], true) }
}

/** 1 where class k is the target's: f32[N, K] from i32[N]. */
export function oneHot(b: Builder, target: Value, classes: number): Value {
  const [count] = target.type.shape
  const column = b.broadcastInDim(target, [count!, classes], [0])
  return b.map([column, b.iota('i32', [count!, classes], 1)], (t, k) => convert(f.eq(t, k), 'f32'))
}

/** The probability that a class should have. */
const smoothed = (hot: Expr, classes: number, { labelSmoothing = 0 }: LossOptions): Expr =>
  labelSmoothing === 0 ? hot : f.add(f.mul(hot, 1 - labelSmoothing), labelSmoothing / classes)

/** −Σ q log p with p = softmax(scores) and q the target's class, smoothed: (1 − ε) [k = target] + ε / K. */
export const softmaxCrossEntropy: Loss = {
  activation: 'softmax',
  classes: true,
  smooths: true,
  target: () => ({ dtype: 'i32', shape: [] }),
  perSample: (b, scores, target, options) => {
    const classes = scores.type.shape[1]!
    const { shifted, sum } = exponentials(b, scores)
    const terms = b.map([oneHot(b, target, classes), shifted, sum], (hot, s, z) =>
      f.mul(smoothed(hot, classes, options), f.sub(f.log(z), s)),
    )
    return b.reduce('add', terms, [1])
  },
  derivative: (b, scores, target, options) => {
    const classes = scores.type.shape[1]!
    const { powers, sum } = exponentials(b, scores)
    return b.map([powers, sum, oneHot(b, target, classes)], (e, z, hot) =>
      f.sub(f.div(e, z), smoothed(hot, classes, options)),
    )
  },
  correct: (b, scores, target) => {
    const best = b.argreduce(scores, { kind: 'max', axis: 1, last: false })
    return b.map([best, target], (k, t) => f.eq(k, t))
  },
}
