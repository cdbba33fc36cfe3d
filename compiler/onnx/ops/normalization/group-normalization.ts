import type { Value } from '../../../core/graph.ts'
import type { OpContext, Operator } from '../../context.ts'
import { range } from '../../shared/axes.ts'
import { inverseDeviation, moments, scaleAndShift } from '../../shared/nn/normalize.ts'

/** Scale and bias have one element for each group before opset 21, then one for each channel. */
export const groupNormalization: Operator = {
  since: 18,
  lower: (c: OpContext) => {
    const x = c.input(0)
    const { shape } = x.type
    const [batch = 0, channels = 0, ...spatial] = shape
    const groups = c.int('num_groups')
    c.check(
      shape.length >= 2 && groups >= 1 && channels % groups === 0,
      `${channels} channels do not divide into ${groups} groups`,
    )
    const grouped = c.b.reshape(x, [batch, groups, channels / groups, ...spatial])
    const { centered, variance } = moments(c.b, grouped, range(2, shape.length + 1))
    const inverse = inverseDeviation(c.b, variance, c.float('epsilon', 1e-5))
    const perGroup = c.opset < 21 ? 1 : channels / groups
    const parameter = (v: Value): Value => c.b.reshape(v, [groups, perGroup, ...spatial.map(() => 1)])
    const result = scaleAndShift(c.b, centered, inverse, parameter(c.input(1)), parameter(c.input(2)))
    return [c.b.reshape(result, shape)]
  },
}
