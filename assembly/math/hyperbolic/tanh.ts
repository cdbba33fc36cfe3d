import { powerOfTwo, step, withSign } from '../lanes'
import { expm1 } from '../scalar'

/**
 * Hyperbolic tangent, at most 2.5 ulp off: |tanh x| = -t / (t + 2) with t = e^y - 1, y = -2|x|.
 * t = 2^n (r + r^2 q(r)) + 2^n - 1 with |r| <= ln 2 / 2, own minimax fit, error 2^-26.
 */
export function f32x4_tanh(x: v128): v128 {
  const magnitude = f32x4.abs(x)
  // One part of ln 2 does: the error in r grows with n, but its weight falls with e^y.
  const y = f32x4.pmax(f32x4.mul(magnitude, f32x4.splat(-2)), f32x4.splat(-18.1))
  const n = f32x4.nearest(f32x4.mul(y, f32x4.splat(1.4426950408889634)))
  const r = f32x4.sub(y, f32x4.mul(n, f32x4.splat(0.6931471805599453)))
  let q = step(f32x4.splat(0.0013837830629199743), r, 0.008367088623344898)
  q = step(q, r, 0.04166774824261665)
  q = step(q, r, 0.16666539013385773)
  q = step(q, r, 0.4999999701976776)
  const p = f32x4.add(r, f32x4.mul(f32x4.mul(r, r), q))
  const power = powerOfTwo(n, 0)
  const t = f32x4.add(f32x4.mul(power, p), f32x4.sub(power, f32x4.splat(1)))
  return withSign(f32x4.div(t, f32x4.add(t, f32x4.splat(2))), x)
}

/** Hyperbolic tangent, at most 3 ulp off. */
export function f64_tanh(x: f64): f64 {
  const a = min(abs(x), 20)
  if (a < 1) {
    const e = expm1(-2 * a)
    return copysign(e / (e + 2), x)
  }
  return copysign(1 - 2 / (expm1(2 * a) + 2), x)
}
