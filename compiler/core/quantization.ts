import { integerRange, type DType } from './dtype.ts'
import { convert, type Expr } from './expr.ts'
import * as f from './formula.ts'

/** (x - zero) · scale; the difference is taken in i32, the product in the scale's dtype. */
export function dequantized(x: Expr, scale: Expr, zero: Expr | undefined): Expr {
  const difference = zero ? f.sub(convert(x, 'i32'), convert(zero, 'i32')) : x
  return f.mul(convert(difference, scale.dtype), scale)
}

/** saturate(round-half-even(x) + zero), for integers of 16 bits at most. */
export function saturated(x: Expr, zero: Expr | undefined, dtype: DType): Expr {
  const { min, max } = integerRange(dtype)
  const shifted = zero ? f.add(f.round(x), convert(zero, x.dtype)) : f.round(x)
  return convert(f.clamp(shifted, Number(min), Number(max)), dtype)
}
