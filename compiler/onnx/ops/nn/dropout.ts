import { constantOf } from '../../../core/evaluate.ts'
import { convert } from '../../../core/scalar/expr.ts'
import * as f from '../../../core/scalar/formula.ts'
import { toNumbers } from '../../../core/tensor.ts'
import type { OpContext, Operator } from '../../context.ts'
import { randomTensor } from '../../shared/random.ts'

/**
 * Does nothing at inference, but tells training where it is. In training mode, which is known at compile time, elements are 0
 * with probability `ratio` and the others grow to keep the mean. The mask is bool from opset 10 on.
 */
export const dropout: Operator = {
  lower: (c: OpContext) => {
    const { b } = c
    const x = c.input(0)
    const trains = c.constantInts(2, [0])[0] !== 0
    if (!trains) {
      const known = c.inputs[1] && constantOf(c.inputs[1])
      const usual = c.opset < 12 ? c.float('ratio', 0.5) : 0.5
      const rate = known && toNumbers(known)[0]
      return [c.dropout(x, rate ?? usual), b.full(1, c.opset >= 10 ? 'bool' : x.type.dtype, x.type.shape)]
    }
    const ratio = c.inputs[1] ? b.convert(b.reshape(c.inputs[1], []), 'f32') : b.scalar(0.5, 'f32')
    const drawn = randomTensor(c, x.type.shape, (random) => random(0), c.has('seed') ? c.int('seed') : undefined)
    const mask = b.map([drawn, ratio], (u, r) => f.ge(u!, r!))
    // With a ratio of 1 nothing is kept, and nothing is divided.
    const y = b.map([x, mask, ratio], (v, kept, r) =>
      f.select(kept!, f.div(v!, convert(f.sub(1, r!), x.type.dtype)), 0),
    )
    return [y, mask]
  },
}
