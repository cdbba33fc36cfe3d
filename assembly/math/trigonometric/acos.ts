import { asinRest, asinSquare } from './arc'
import { withSign } from '../lanes'
import { asinRest as scalarRest } from '../scalar'

/** Inverse cosine in radians, at most 2 ulp off; NaN outside -1..1. */
export function f32x4_acos(x: v128): v128 {
  const a = f32x4.abs(x)
  const large = f32x4.gt(a, f32x4.splat(0.5))
  const z = asinSquare(a, large)
  const s = v128.bitselect(f32x4.sqrt(z), a, large)
  const rest = f32x4.mul(s, asinRest(z))
  // pi/2 - asin x, or pi - 2 asin s, or 2 asin s: that is quarters·pi/2 - factor·asin s, with pi/2 in two parts.
  const one = f32x4.splat(1)
  const sign = withSign(one, x)
  const quarters = f32x4.sub(one, v128.and(sign, large))
  const factor = v128.bitselect(f32x4.mul(sign, f32x4.splat(-2)), sign, large)
  return f32x4.sub(
    f32x4.sub(f32x4.mul(quarters, f32x4.splat(1.5707963705062866)), f32x4.mul(factor, s)),
    f32x4.add(f32x4.mul(factor, rest), f32x4.mul(quarters, f32x4.splat(4.371138828673793e-8))),
  )
}

/** Inverse cosine in radians, at most 2 ulp off; NaN outside -1..1. */
export function f64_acos(x: f64): f64 {
  const a = abs(x)
  if (a <= 0.5) return 1.5707963267948966 - x - (x * scalarRest(x * x) - 6.123233995736766e-17)
  const z = 0.5 - 0.5 * a
  const s = sqrt(z)
  const rest = s * scalarRest(z)
  return 2 * (x > 0 ? s + rest : 1.5707963267948966 - s - (rest - 6.123233995736766e-17))
}
