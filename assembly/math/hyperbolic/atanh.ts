import { append, log64, swapHalves, withSign } from '../lanes'
import { log1p } from '../scalar'

/** Inverse hyperbolic tangent, at most 1 ulp off; ±Infinity at ±1, NaN beyond: ln sqrt((1 + a) / (1 - a)) in f64. */
export function f32x4_atanh(x: v128): v128 {
  let result = x
  for (let half = 0; half < 2; half++) {
    const a = f64x2.abs(f64x2.promote_low_f32x4(x))
    const one = f64x2.splat(1)
    const quotient = f64x2.div(f64x2.add(one, a), f64x2.sub(one, a))
    result = append(result, log64(f64x2.sqrt(quotient)))
    x = swapHalves(x)
  }
  // atanh x = x to f32 precision where the logarithm would lose it.
  return v128.bitselect(x, withSign(result, x), f32x4.lt(f32x4.abs(x), f32x4.splat(0.000244140625)))
}

/** Inverse hyperbolic tangent, at most 2 ulp off; ±Infinity at ±1, NaN beyond. */
export function f64_atanh(x: f64): f64 {
  const a = abs(x)
  if (!(a < 1)) return a == 1 ? copysign(Infinity, x) : NaN
  return copysign(0.5 * log1p((2 * a) / (1 - a)), x)
}
