import { asinRest, asinSquare } from './arc'
import { withSign } from '../lanes'
import { asinRest as scalarRest } from '../scalar'

/** Inverse sine in radians, at most 2 ulp off; NaN outside -1..1. */
export function f32x4_asin(x: v128): v128 {
  const a = f32x4.abs(x)
  const large = f32x4.gt(a, f32x4.splat(0.5))
  const z = asinSquare(a, large)
  const s = v128.bitselect(f32x4.sqrt(z), a, large)
  const rest = f32x4.mul(s, asinRest(z))
  // pi/2 - 2 asin s, with pi/2 in two parts.
  const complement = f32x4.sub(
    f32x4.sub(f32x4.splat(1.5707963705062866), f32x4.add(s, s)),
    f32x4.add(f32x4.add(rest, rest), f32x4.splat(4.371138828673793e-8)),
  )
  return withSign(v128.bitselect(complement, f32x4.add(s, rest), large), x)
}

/** Inverse sine in radians, at most 2 ulp off; NaN outside -1..1. */
export function f64_asin(x: f64): f64 {
  const a = abs(x)
  if (a <= 0.5) return x + x * scalarRest(x * x)
  const z = 0.5 - 0.5 * a
  const s = sqrt(z)
  return copysign(1.5707963267948966 - 2 * s - (2 * s * scalarRest(z) - 6.123233995736766e-17), x)
}
