import type { OpContext, Operator } from '../../context.ts'
import * as f from '../../../core/scalar/formula.ts'
import { trivialWindow } from '../../../core/ops/window.ts'
import { simplePower } from '../math/pow.ts'
import type { Expr } from '../../../core/scalar/expr.ts'

/** d^beta of a positive d; 3/4, the usual beta, by square roots. */
function power(d: Expr, beta: number): Expr {
  if (beta !== 0.75) return simplePower(d, beta) ?? f.pow(d, beta)
  const root = f.sqrt(d)
  return f.mul(root, f.sqrt(root))
}

/** x / (bias + alpha / size · Σ x² over `size` neighbouring channels)^beta. */
export const lrn: Operator = {
  lower: (c: OpContext) => {
    const x = c.input(0)
    const size = c.int('size')
    c.check(size >= 1 && x.type.shape.length >= 2, `size is ${size}`)
    const [alpha, beta, bias] = [c.float('alpha', 1e-4), c.float('beta', 0.75), c.float('bias', 1)]
    const window = x.type.shape.map((_, axis) =>
      axis === 1
        ? { ...trivialWindow, size, low: Math.floor((size - 1) / 2), high: Math.ceil((size - 1) / 2) }
        : trivialWindow,
    )
    const sum = c.b.reduceWindow('add', c.b.map([x], f.square), window)
    return [c.b.map([x, sum], (e, s) => f.div(e, power(f.add(f.mul(s, alpha / size), bias), beta)))]
  },
}
