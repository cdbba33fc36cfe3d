import type { Operator } from '../context.ts'
import { addBias, convolutionAttrs } from '../shared/convolution.ts'

export const conv: Operator = {
  lower: (c) => {
    const x = c.input(0)
    const w = c.input(1)
    return [addBias(c, c.b.convolution(x, w, convolutionAttrs(c, x, w)), c.inputs[2])]
  },
}
