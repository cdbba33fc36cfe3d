import type { Expr } from '../../../core/scalar/expr.ts'
import type { OpContext, Operator } from '../../context.ts'
import { keepsAligned } from '../../shared/elementwise.ts'
import * as f from '../../../core/scalar/formula.ts'

const variadic = (
  combine: (a: Expr, b: Expr) => Expr,
  finish: (x: Expr, count: number) => Expr = (x) => x,
): Operator => ({
  keeps: keepsAligned,
  lower: (c: OpContext) => {
    const operands = c.inputs.map((_, i) => c.input(i))
    c.check(operands.length > 0, 'has no inputs')
    // A map for each: how many become one kernel is for fusion to say.
    const combined = operands.reduce((a, x) => c.b.map([a, x], (e, next) => combine(e!, next!)))
    return [c.b.map([combined], (e) => finish(e!, operands.length))]
  },
})

/** Operators of any number of inputs, which broadcast. */
export const variadicOperators: Readonly<Record<string, Operator>> = {
  Max: variadic(f.max),
  Mean: variadic(f.add, f.div),
  Min: variadic(f.min),
  Sum: variadic(f.add),
}
