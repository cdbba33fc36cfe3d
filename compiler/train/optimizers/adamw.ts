import * as f from '../../core/scalar/formula.ts'
import { computed, flushed, type Optimizer, type ScalarFormulas } from './optimizer.ts'

export interface AdamWOptions {
  /** Decay of the first and the second moment's running mean. */
  readonly beta1?: number | undefined
  readonly beta2?: number | undefined
  readonly epsilon?: number | undefined
  readonly weightDecay?: number | undefined
}

/** The settings with those that were left open. */
export const adamwSettings = ({ beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weightDecay = 0.01 }: AdamWOptions) => ({
  beta1,
  beta2,
  epsilon,
  weightDecay,
})

/** Adam with decoupled weight decay (Loshchilov & Hutter, 2019), in PyTorch's order of operations. */
export function adamw(options: AdamWOptions = {}): Optimizer {
  const { beta1, beta2, epsilon, weightDecay } = adamwSettings(options)
  const formulas: ScalarFormulas = (step, learningRate) => ({
    keep: f.sub(1, f.mul(learningRate, weightDecay)),
    stepSize: f.div(learningRate, f.sub(1, f.pow(beta1, step))),
    rootCorrection: f.div(1, f.sqrt(f.sub(1, f.pow(beta2, step)))),
  })
  return {
    ...{ slots: ['m', 'v'], formulas, scalars: computed(formulas) },
    update: (b, { value, gradient, slots: [first, second], scalars, decays, becoming }) => {
      const mean = b.map([first!, gradient], (m, g) => flushed(f.add(f.mul(m, beta1), f.mul(g, 1 - beta1))))
      const square = b.map([second!, gradient], (v, g) =>
        flushed(f.add(f.mul(v, beta2), f.mul(f.square(g), 1 - beta2))),
      )
      const [m, v] = [becoming(first!, mean), becoming(second!, square)]
      const { keep, stepSize, rootCorrection } = scalars
      const next = b.map([value, m, v, keep, stepSize!, rootCorrection!], (p, m, v, keep, size, root) =>
        f.sub(decays ? f.mul(p, keep) : p, f.div(f.mul(m, size), f.add(f.mul(f.sqrt(v), root), epsilon))),
      )
      return { value: becoming(value, next), slots: [m, v] }
    },
  }
}
