import type { OpContext, Operator } from '../context.ts'
import { normalizeAxis, range } from '../shared/axes.ts'

export const concat: Operator = {
  floats: 'moved',
  strings: true,
  lower: (c: OpContext) => {
    const operands = range(0, c.inputs.length).map((i) => c.input(i))
    const axis = c.opset >= 4 ? c.int('axis') : c.int('axis', 1)
    return [c.b.concatenate(operands, normalizeAxis(c, axis, c.input(0).type.shape.length))]
  },
}
