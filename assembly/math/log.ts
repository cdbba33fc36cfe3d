import { step } from './lanes'
import { logSum } from './scalar'

/**
 * Natural logarithm, at most 1.1 ulp off, subnormals included.
 * x = 2^e m with sqrt(1/2) <= m < sqrt(2); ln m = 2 s + s z p(z), s = f / (2 + f), f = m - 1, z = s^2, own minimax fit,
 * error 2^-30; since 2 s = f - s f, what is added to f is small.
 */
export function f32x4_log(x: v128): v128 {
  const tiny = f32x4.lt(x, f32x4.splat(1.1754943508222875e-38))
  const normal = v128.bitselect(f32x4.mul(x, f32x4.splat(8388608)), x, tiny)
  const e = i32x4.shr_s(i32x4.sub(normal, i32x4.splat(0x3f3504f3)), 23)
  const m = i32x4.sub(normal, i32x4.shl(e, 23))
  const f = f32x4.sub(m, f32x4.splat(1))
  const s = f32x4.div(f, f32x4.add(f, f32x4.splat(2)))
  const z = f32x4.mul(s, s)
  let p = step(f32x4.splat(0.29870927333831787), z, 0.39977580308914185)
  p = step(p, z, 0.6666677594184875)
  const lnM = f32x4.sub(f, f32x4.mul(s, f32x4.sub(f, f32x4.mul(z, p))))
  const exponent = f32x4.convert_i32x4_s(i32x4.sub(e, v128.and(tiny, i32x4.splat(23))))
  const ln = f32x4.add(f32x4.mul(exponent, f32x4.splat(0.6931471805599453)), lnM)
  const infinity = f32x4.splat(Infinity)
  const zero = f32x4.splat(0)
  const finite = v128.bitselect(ln, x, f32x4.lt(x, infinity))
  // -Infinity at 0; all bits set, a NaN, below.
  return v128.or(f32x4.sub(finite, v128.and(f32x4.eq(x, zero), infinity)), f32x4.lt(x, zero))
}

/** Natural logarithm, at most 1 ulp off. */
export function f64_log(x: f64): f64 {
  if (x > 0 && x < Infinity) return logSum(x, 0)
  return x == 0 ? -Infinity : x > 0 ? x : NaN
}
