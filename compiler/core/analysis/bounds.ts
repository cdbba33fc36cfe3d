import { integerRange, isFloat } from '../scalar/dtype.ts'
import { constantOf } from '../evaluate.ts'
import { foldExpr, type Expr } from '../scalar/expr.ts'
import type { Value } from '../graph.ts'
import { toNumbers } from '../tensor.ts'

/**
 * A bound of the magnitude of `e`, Infinity where none is known; `argument` gives that of an argument. A float with a finite
 * bound is not NaN.
 */
export function boundOf(e: Expr, argument: (index: number) => number): number {
  /** In exact arithmetic. */
  const exact = (x: Expr, of: (operand: Expr) => number): number => {
    switch (x.kind) {
      case 'const':
        return Math.abs(Number(x.value))
      case 'arg':
        return argument(x.index)
      case 'convert':
        return of(x.x)
      case 'select':
        return Math.max(of(x.a), of(x.b))
      case 'unary':
        return ['neg', 'abs', 'round', 'round_straight_through', 'floor', 'ceil', 'trunc'].includes(x.op)
          ? of(x.x) + 1
          : Infinity
      case 'binary': {
        const [a, b] = [of(x.a), of(x.b)]
        if (x.op === 'add' || x.op === 'sub') return a + b
        if (x.op === 'mul') return a === 0 || b === 0 ? 0 : a * b
        if (x.op === 'max' || x.op === 'min') return Math.max(a, b)
        return x.op === 'div' && x.b.kind === 'const' && b > 0 ? a / b : Infinity
      }
      default:
        return Infinity
    }
  }
  const bound = foldExpr<number>(e, (x, of) => {
    if (isFloat(x.dtype)) return exact(x, of)
    const { min, max } = integerRange(x.dtype)
    const range = Math.max(Number(-min), Number(max))
    // What is unsigned wraps at zero already.
    const known = min < 0n || x.kind === 'const' || x.kind === 'arg' ? exact(x, of) : Infinity
    return known <= range ? known : range
  })
  // Half of what f32 holds: a bound is not exact.
  return bound < 1e38 ? bound : Infinity
}

/** The same over the operands of a map, of which the constants are known. */
export const boundOver = (e: Expr, operands: readonly Value[]): number =>
  boundOf(e, (i) => {
    const known = constantOf(operands[i]!)
    return known ? toNumbers(known).reduce((most, v) => Math.max(most, Math.abs(v)), 0) : Infinity
  })
