import { append, exp64, swapHalves } from '../lanes'
import { expm1, scaledExp } from '../scalar'

/** Hyperbolic sine, at most 1 ulp off: (e^x - e^-x) / 2 in f64. */
export function f32x4_sinh(x: v128): v128 {
  let result = x
  for (let half = 0; half < 2; half++) {
    const e = exp64(f64x2.promote_low_f32x4(x))
    const difference = f64x2.sub(e, f64x2.div(f64x2.splat(1), e))
    result = append(result, f64x2.mul(difference, f64x2.splat(0.5)))
    x = swapHalves(x)
  }
  // sinh x = x to f32 precision where the difference would cancel.
  return v128.bitselect(x, result, f32x4.lt(f32x4.abs(x), f32x4.splat(0.000244140625)))
}

/** Hyperbolic sine, at most 2 ulp off. */
export function f64_sinh(x: f64): f64 {
  const a = abs(x)
  if (!(a <= 22)) return copysign(scaledExp(a, 0, -1), x)
  const e = expm1(a)
  return copysign(0.5 * (e + e / (e + 1)), x)
}
