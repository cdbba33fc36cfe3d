import * as f from '../../core/scalar/formula.ts'
import { elementCount } from '../../core/shape.ts'
import { sumPerSample, type Loss } from './loss.ts'

/** The mean over a sample's elements of (scores − target)². */
export const meanSquaredError: Loss = {
  activation: undefined,
  classes: false,
  smooths: false,
  perSample: (b, scores, target) => {
    const squares = b.map([scores, target], (s, t) => f.square(f.sub(s, t)))
    const elements = elementCount(scores.type.shape.slice(1))
    return b.map([sumPerSample(b, squares)], (sum) => f.div(sum, elements))
  },
  derivative: (b, scores, target) => {
    const elements = elementCount(scores.type.shape.slice(1))
    return b.map([scores, target], (s, t) => f.mul(f.sub(s, t), 2 / elements))
  },
  prediction: (_, scores) => scores,
}
