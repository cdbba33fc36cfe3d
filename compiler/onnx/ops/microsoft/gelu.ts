import type { Expr } from '../../../core/scalar/expr.ts'
import type { Operator } from '../../context.ts'
import * as f from '../../../core/scalar/formula.ts'
import { geluErf, geluTanh } from '../../shared/nn/activation.ts'

/** `formula` of X plus a bias (input 1), where that is given. */
const biased = (formula: (x: Expr) => Expr): Operator => ({
  lower: (c) => {
    const bias = c.inputs[1]
    return [bias ? c.b.map([c.input(0), bias], (x, y) => formula(f.add(x, y))) : c.b.map([c.input(0)], formula)]
  },
})

/** onnxruntime's forms of GELU (ContribOperators.md). */
export const geluOperators: Readonly<Record<string, Operator>> = {
  'com.microsoft.BiasGelu': biased(geluErf),
  'com.microsoft.FastGelu': biased(geluTanh),
  'com.microsoft.Gelu': biased(geluErf),
  'com.microsoft.QuickGelu': {
    lower: (c) => {
      const alpha = c.float('alpha', 1.702)
      return [c.b.map([c.input(0)], (x) => f.mul(x, f.sigmoid(f.mul(x, alpha))))]
    },
  },
}
