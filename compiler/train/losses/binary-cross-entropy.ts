import type { Builder } from '../../core/builder.ts'
import { convert, type Expr } from '../../core/scalar/expr.ts'
import * as f from '../../core/scalar/formula.ts'
import type { Value } from '../../core/graph.ts'
import { sumPerSample, type Loss, type LossOptions } from './loss.ts'

const smoothed = (t: Expr, { labelSmoothing = 0 }: LossOptions): Expr =>
  labelSmoothing === 0 ? t : f.add(f.mul(t, 1 - labelSmoothing), labelSmoothing / 2)

/**
 * −Σ (t log p + (1 − t) log(1 − p)) with p = sigmoid(scores), from targets t between 0 and 1 for each score: max(s, 0) − s t +
 * log(1 + e^−|s|), which does not overflow. Label smoothing moves t towards 1/2.
 */
export const binaryCrossEntropy: Loss = {
  activation: 'sigmoid',
  classes: false,
  smooths: true,
  perSample: (b, scores, target, options) => {
    const terms = b.map([scores, target], (s, t) => f.sub(f.softplus(s), f.mul(s, smoothed(t, options))))
    return sumPerSample(b, terms)
  },
  derivative: (b, scores, target, options) =>
    b.map([scores, target], (s, t) => f.sub(f.sigmoid(s), smoothed(t, options))),
  prediction: (b, scores) => b.map([scores], f.sigmoid),
  correct: (b, scores, { values }) => allEqual(b, answers(b, scores, 0), answers(b, values, 0.5)),
  agree: (b, scores, others) => allEqual(b, answers(b, scores, 0), answers(b, others, 0)),
}

const answers = (b: Builder, values: Value, least: number): Value =>
  b.map([values], (v) => convert(f.gt(v, least), 'i32'))

/** bool[N]. */
function allEqual(b: Builder, found: Value, wanted: Value): Value {
  const right = b.map([found, wanted], (x, y) => convert(f.eq(x, y), 'i32'))
  const axes = right.type.shape.slice(1).map((_, i) => i + 1)
  return b.map([b.reduce('min', right, axes)], (all) => f.eq(all, 1))
}
