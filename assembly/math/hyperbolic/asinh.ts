import { append, log64, swapHalves, withSign } from '../lanes'
import { log1p, logSum } from '../scalar'

/** Inverse hyperbolic sine, at most 1 ulp off: ln(a + sqrt(a^2 + 1)) in f64. */
export function f32x4_asinh(x: v128): v128 {
  let result = x
  for (let half = 0; half < 2; half++) {
    const a = f64x2.abs(f64x2.promote_low_f32x4(x))
    const root = f64x2.sqrt(f64x2.add(f64x2.mul(a, a), f64x2.splat(1)))
    result = append(result, log64(f64x2.add(a, root)))
    x = swapHalves(x)
  }
  // asinh x = x to f32 precision where the logarithm would lose it.
  return v128.bitselect(x, withSign(result, x), f32x4.lt(f32x4.abs(x), f32x4.splat(0.000244140625)))
}

/** Inverse hyperbolic sine, at most 2 ulp off. */
export function f64_asinh(x: f64): f64 {
  const a = abs(x)
  // From 2^28 on, asinh a = ln 2a.
  if (!(a < 268435456)) return a < Infinity ? copysign(logSum(a, 0) + 0.6931471805599453, x) : x
  return copysign(log1p(a + (a * a) / (1 + sqrt(a * a + 1))), x)
}
