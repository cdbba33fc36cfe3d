import type { Operator } from '../../context.ts'
import { normalizeAxes } from '../../shared/axes.ts'
import * as f from '../../../core/scalar/formula.ts'
import { moments } from '../../shared/nn/normalize.ts'

/** (x - mean) / (deviation + 1e-9), as the operator's function body has it. */
export const meanVarianceNormalization: Operator = {
  lower: (c) => {
    const x = c.input(0)
    const axes = normalizeAxes(c, c.ints('axes', [0, 2, 3]), x.type.shape.length)
    const { centered, variance } = moments(c.b, x, axes)
    return [c.b.map([centered, variance], (e, v) => f.div(e, f.add(f.sqrt(v), 1e-9)))]
  },
}
