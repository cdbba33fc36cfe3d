import { integerRange, isFloat, isSmallFloat, type DType } from './dtype.ts'
import { convert, type Expr } from './expr.ts'
import * as f from './formula.ts'
import { conversion, narrowed } from './small-float.ts'

/** (x - zero) · scale; the difference is taken in i32 (of floats: in f32), the product in the scale's dtype. */
export function dequantized(x: Expr, scale: Expr, zero: Expr | undefined): Expr {
  const wide = isFloat(x.dtype) ? 'f32' : 'i32'
  const difference = zero ? f.sub(conversion(x, wide), conversion(zero, wide)) : x
  return f.mul(conversion(difference, scale.dtype), scale)
}

/**
 * saturate(round-half-even(x) + zero) for integers of 16 bits at most, x + zero rounded to the format for small floats;
 * `saturate` is theirs alone.
 */
export function saturated(x: Expr, zero: Expr | undefined, dtype: DType, saturate = true): Expr {
  if (isSmallFloat(dtype)) {
    const sum = zero ? f.add(x, conversion(zero, x.dtype)) : x
    return narrowed(convert(sum, 'f32'), dtype, { saturate })
  }
  const { min, max } = integerRange(dtype)
  const shifted = zero ? f.add(f.round(x), convert(zero, x.dtype)) : f.round(x)
  return convert(f.clamp(shifted, Number(min), Number(max)), dtype)
}
