import type { OpContext, Operator } from '../../context.ts'
import { alongAxis, range } from '../../shared/axes.ts'
import { inverseDeviation, moments, scaleAndShift } from '../../shared/nn/normalize.ts'

export const instanceNormalization: Operator = {
  lower: (c: OpContext) => {
    const x = c.input(0)
    const rank = x.type.shape.length
    c.check(rank >= 2, 'X wants a batch and a channel axis')
    const { centered, variance } = moments(c.b, x, range(2, rank))
    const inverse = inverseDeviation(c.b, variance, c.float('epsilon', 1e-5))
    return [scaleAndShift(c.b, centered, inverse, alongAxis(c, c.input(1), 1, rank), alongAxis(c, c.input(2), 1, rank))]
  },
}
