import type { Expr } from '../../../core/scalar/expr.ts'
import type { OpContext, Operator } from '../../context.ts'
import * as f from '../../../core/scalar/formula.ts'
import { range } from '../../shared/axes.ts'
import { poolWindows, spatialLengths, withoutPooling } from '../../shared/nn/window.ts'

/** |x|^p, and the p-th root of a sum of such. */
function norm(c: OpContext): { power: (x: Expr) => Expr; root: (x: Expr) => Expr } {
  // p is a float in opset 1.
  const p = c.opset < 2 ? c.float('p', 2) : c.int('p', 2)
  if (p === 1) return { power: f.abs, root: (x) => x }
  if (p === 2) return { power: f.square, root: f.sqrt }
  return { power: (x) => f.pow(f.abs(x), p), root: (x) => f.pow(x, 1 / p) }
}

export const lpPool: Operator = {
  lower: (c) => {
    const { power, root } = norm(c)
    const x = c.input(0)
    const { axes } = poolWindows(c, x)
    const sum = c.b.reduceWindow('add', c.b.map([x], power), withoutPooling(axes))
    return [c.b.map([sum], root)]
  },
}

export const globalLpPool: Operator = {
  lower: (c) => {
    const { power, root } = norm(c)
    const x = c.input(0)
    const spatial = range(2, spatialLengths(c, x).length + 2)
    return [c.b.map([c.b.reduce('add', c.b.map([x], power), spatial, true)], root)]
  },
}
