import { clamp, powerOfTwo, step } from './lanes'
import { scaledExp } from './scalar'

/**
 * e^x, at most 1.2 ulp off. Results below 2^-125.5 become 0: subnormal arithmetic costs some hundred cycles on x86.
 * e^x = 2^(n-1) · 2 e^r with |r| <= ln 2 / 2; e^r = 1 + r + r^2 q(r), own minimax fit, error 2^-28.
 */
export function f32x4_exp(x: v128): v128 {
  const y = clamp(x, -87.5, 89)
  const n = f32x4.nearest(f32x4.mul(y, f32x4.splat(1.4426950408889634)))
  // ln 2 in two parts, the first of 15 bits: its product with n is exact.
  const r = f32x4.sub(
    f32x4.sub(y, f32x4.mul(n, f32x4.splat(0.693145751953125))),
    f32x4.mul(n, f32x4.splat(1.428606765330187e-6)),
  )
  let p = step(f32x4.splat(2 * 0.0013838005252182484), r, 2 * 0.00836916547268629)
  p = step(p, r, 2 * 0.04166810214519501)
  p = step(p, r, 2 * 0.16666516661643982)
  p = step(p, r, 2 * 0.4999999403953552)
  p = step(p, r, 2)
  p = step(p, r, 2)
  return f32x4.mul(p, powerOfTwo(n, -1))
}

/** e^x, at most 1 ulp off, subnormal results included. */
export function f64_exp(x: f64): f64 {
  return scaledExp(x, 0, 0)
}
