import { convert } from '../../../core/scalar/expr.ts'
import type { Value } from '../../../core/graph.ts'
import type { Operator } from '../../context.ts'
import * as f from '../../../core/scalar/formula.ts'
import { matmul } from '../../shared/matmul.ts'

/** Products of integers in i32 (ContribOperators.md). */
export const integerOperators: Readonly<Record<string, Operator>> = {
  'com.microsoft.MatMulInteger16': {
    lower: (c) => [matmul(c.b, c.b.convert(c.input(0), 'i32'), c.b.convert(c.input(1), 'i32'))],
  },
  /** Inputs: a, its zero point, b, its zero point. */
  'com.microsoft.MulInteger': {
    lower: (c) => {
      const { b } = c
      const centered = (i: number): Value => {
        const zero = c.inputs[i + 1]
        const wide = b.convert(c.input(i), 'i32')
        return zero ? b.map([wide, b.reshape(zero, [])], (x, z) => f.sub(x, convert(z, 'i32'))) : wide
      }
      return [b.binary('mul', centered(0), centered(2))]
    },
  },
}
