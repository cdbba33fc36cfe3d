import type { Operator } from '../../context.ts'
import { alongAxis } from '../../shared/axes.ts'
import * as f from '../../../core/scalar/formula.ts'
import { elementCount } from '../../../core/shape.ts'

/** Before opset 7 a slope of more than one element has one for each channel (axis 1). */
export const prelu: Operator = {
  lower: (c) => {
    const x = c.input(0)
    const given = c.input(1)
    const rank = x.type.shape.length
    const perChannel = c.opset < 7 && given.type.shape.length === 1 && elementCount(given.type.shape) > 1 && rank > 1
    const slope = perChannel ? alongAxis(c, given, 1, rank) : given
    return [c.b.map([x, slope], (a, s) => f.select(f.lt(a, 0), f.mul(a, s), a))]
  },
}
