import { convert, type Expr } from '../../core/expr.ts'
import * as f from '../../core/formula.ts'
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
  target: (shape) => ({ dtype: 'f32', shape }),
  perSample: (b, scores, target, options) => {
    const terms = b.map([scores, target], (s, t) => f.sub(f.softplus(s), f.mul(s, smoothed(t, options))))
    return sumPerSample(b, terms)
  },
  derivative: (b, scores, target, options) =>
    b.map([scores, target], (s, t) => f.sub(f.sigmoid(s), smoothed(t, options))),
  correct: (b, scores, target) => {
    const right = b.map([scores, target], (s, t) => {
      const [found, wanted] = [convert(f.gt(s, 0), 'i32'), convert(f.gt(t, 0.5), 'i32')]
      return convert(f.eq(found, wanted), 'i32')
    })
    const axes = right.type.shape.slice(1).map((_, i) => i + 1)
    return b.map([b.reduce('min', right, axes)], (all) => f.eq(all, 1))
  },
}
