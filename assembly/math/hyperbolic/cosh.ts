import { append, exp64, swapHalves } from '../lanes'
import { scaledExp } from '../scalar'

/** Hyperbolic cosine, at most 1 ulp off: (e^x + e^-x) / 2 in f64. */
export function f32x4_cosh(x: v128): v128 {
  let result = x
  for (let half = 0; half < 2; half++) {
    const e = exp64(f64x2.promote_low_f32x4(x))
    const sum = f64x2.add(e, f64x2.div(f64x2.splat(1), e))
    result = append(result, f64x2.mul(sum, f64x2.splat(0.5)))
    x = swapHalves(x)
  }
  return result
}

/** Hyperbolic cosine, at most 2 ulp off. */
export function f64_cosh(x: f64): f64 {
  const half = scaledExp(abs(x), 0, -1)
  return half + 0.25 / half
}
