import { append, log64, swapHalves } from '../lanes'
import { log1p, logSum } from '../scalar'

/** Inverse hyperbolic cosine, at most 1 ulp off; NaN below 1: ln(x + sqrt(x - 1) sqrt(x + 1)) in f64. */
export function f32x4_acosh(x: v128): v128 {
  let result = x
  for (let half = 0; half < 2; half++) {
    const y = f64x2.promote_low_f32x4(x)
    const one = f64x2.splat(1)
    const root = f64x2.mul(f64x2.sqrt(f64x2.sub(y, one)), f64x2.sqrt(f64x2.add(y, one)))
    result = append(result, log64(f64x2.add(y, root)))
    x = swapHalves(x)
  }
  return result
}

/** Inverse hyperbolic cosine, at most 2 ulp off; NaN below 1. */
export function f64_acosh(x: f64): f64 {
  if (!(x >= 1)) return NaN
  // From 2^28 on, acosh x = ln 2x.
  if (x >= 268435456) return x < Infinity ? logSum(x, 0) + 0.6931471805599453 : x
  const t = x - 1
  return log1p(t + sqrt(2 * t + t * t))
}
