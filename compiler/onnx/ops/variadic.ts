import type { Expr } from '../../core/expr.ts'
import type { OpContext, Operator } from '../context.ts'
import { keepsAligned } from '../shared/elementwise.ts'
import * as f from '../../core/formula.ts'

/** Inputs that one map takes in. */
const mostTogether = 7

const variadic = (
  combine: (a: Expr, b: Expr) => Expr,
  finish: (x: Expr, count: number) => Expr = (x) => x,
): Operator => ({
  keeps: keepsAligned,
  lower: (c: OpContext) => {
    const operands = c.inputs.map((_, i) => c.input(i))
    c.check(operands.length > 0, 'has no inputs')
    // From left to right, a few at a time: an expression of all would be as deep as they are many.
    let result = operands[0]!
    let at = 1
    do {
      const next = operands.slice(at, (at += mostTogether))
      result = c.b.map([result, ...next], (...args) => {
        const combined = args.reduce(combine)
        return at < operands.length ? combined : finish(combined, operands.length)
      })
    } while (at < operands.length)
    return [result]
  },
})

/** Operators of any number of inputs, which broadcast. */
export const variadicOperators: Readonly<Record<string, Operator>> = {
  Max: variadic(f.max),
  Mean: variadic(f.add, f.div),
  Min: variadic(f.min),
  Sum: variadic(f.add),
}
