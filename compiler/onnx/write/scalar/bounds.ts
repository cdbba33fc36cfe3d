import { isFloat } from '../../../core/scalar/dtype.ts'
import { foldExpr, type Expr } from '../../../core/scalar/expr.ts'
import { rangeOf } from '../../../core/scalar/interval.ts'

/** Ends that a scalar stays within whatever the operands are, and whether it may be NaN. */
export interface Bounds {
  readonly low: number
  readonly high: number
  readonly nan: boolean
}

const anything: Bounds = { low: -Infinity, high: Infinity, nan: true }

/** What is plain to see of `expr`: clamps, roundings, and floats that were integers. */
export const boundsOf = (expr: Expr): Bounds =>
  foldExpr<Bounds>(expr, (part, of) => {
    if (!isFloat(part.dtype)) {
      const { low, high } = rangeOf(part.dtype)
      return { low, high, nan: false }
    }
    switch (part.kind) {
      case 'const': {
        const value = Number(part.value)
        return Number.isNaN(value) ? anything : { low: value, high: value, nan: false }
      }
      case 'convert':
        return of(part.x)
      case 'select': {
        const [a, b] = [of(part.a), of(part.b)]
        return { low: Math.min(a.low, b.low), high: Math.max(a.high, b.high), nan: a.nan || b.nan }
      }
      case 'unary': {
        const x = of(part.x)
        if (part.op === 'round' || part.op === 'floor' || part.op === 'ceil' || part.op === 'trunc')
          return { low: Math.floor(x.low), high: Math.ceil(x.high), nan: x.nan }
        return anything
      }
      case 'binary': {
        const [a, b] = [of(part.a), of(part.b)]
        const nan = a.nan || b.nan
        if (part.op === 'max') return { low: Math.max(a.low, b.low), high: Math.max(a.high, b.high), nan }
        if (part.op === 'min') return { low: Math.min(a.low, b.low), high: Math.min(a.high, b.high), nan }
        return anything
      }
      default:
        return anything
    }
  })
