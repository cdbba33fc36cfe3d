import * as f from '../../core/scalar/formula.ts'
import type { Value } from '../../core/graph.ts'
import { computed, flushed, type Optimizer, type ScalarFormulas } from './optimizer.ts'

export interface SgdOptions {
  readonly momentum?: number | undefined
  readonly nesterov?: boolean | undefined
  /** Added to the gradient as `weightDecay` × the parameter. */
  readonly weightDecay?: number | undefined
}

/** Stochastic gradient descent with momentum (Sutskever et al., 2013), in PyTorch's form: the rate multiplies the velocity. */
export function sgd(options: SgdOptions = {}): Optimizer {
  const { momentum = 0, nesterov = false, weightDecay = 0 } = options
  const formulas: ScalarFormulas = (_, learningRate) => ({ learningRate })
  return {
    ...{ slots: momentum === 0 ? [] : ['velocity'], formulas, scalars: computed(formulas) },
    update: (b, { value, gradient, slots, scalars, decays, becoming }) => {
      const g =
        decays && weightDecay !== 0 ? b.map([gradient, value], (g, p) => f.add(g, f.mul(p, weightDecay))) : gradient
      const [velocity] = slots
      const rate = scalars['learningRate']!
      const moved = (direction: Value): Value =>
        becoming(
          value,
          b.map([value, direction, rate], (p, d, lr) => f.sub(p, f.mul(lr, d))),
        )
      if (!velocity) return { value: moved(g), slots: [] }
      const next = becoming(
        velocity,
        b.map([velocity, g], (v, g) => flushed(f.add(f.mul(v, momentum), g))),
      )
      const direction = nesterov ? b.map([g, next], (g, v) => f.add(g, f.mul(v, momentum))) : next
      return { value: moved(direction), slots: [next] }
    },
  }
}
