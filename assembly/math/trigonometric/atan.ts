import { step, withSign } from '../lanes'

/**
 * Inverse tangent in radians, at most 2 ulp off: atan t = t + t z p(z) for t = min(a, 1/a), z = t^2, own minimax fit,
 * error 2^-25; pi/2 - atan t where a > 1.
 */
export function f32x4_atan(x: v128): v128 {
  const one = f32x4.splat(1)
  const a = f32x4.abs(x)
  const t = f32x4.pmin(a, f32x4.div(one, a))
  const z = f32x4.mul(t, t)
  let p = step(f32x4.splat(0.002919422695413232), z, -0.016363192349672318)
  p = step(p, z, 0.04320473223924637)
  p = step(p, z, -0.07551660388708115)
  p = step(p, z, 0.10665769129991531)
  p = step(p, z, -0.14211000992225647)
  p = step(p, z, 0.19993767142295837)
  p = step(p, z, -0.33333152532577515)
  const rest = f32x4.mul(f32x4.mul(t, z), p)
  const complement = f32x4.sub(
    f32x4.sub(f32x4.splat(1.5707963705062866), t),
    f32x4.add(rest, f32x4.splat(4.371138828673793e-8)),
  )
  return withSign(v128.bitselect(complement, f32x4.add(t, rest), f32x4.gt(a, one)), x)
}

/**
 * Inverse tangent in radians, at most 1 ulp off: atan a = atan c + atan((a - c) / (1 + a c)) with c among
 * 0, 1/2, 1, 3/2 and infinity. Coefficients: fdlibm s_atan.c.
 */
export function f64_atan(x: f64): f64 {
  const a = abs(x)
  let t = -1 / a
  let high = 1.5707963267948966
  let low = 6.123233995736766e-17
  if (a < 0.4375) {
    t = a
    high = 0
    low = 0
  } else if (a < 0.6875) {
    t = (a - 0.5) / (1 + 0.5 * a)
    high = 0.4636476090008061
    low = 2.2698777452961687e-17
  } else if (a < 1.1875) {
    t = (a - 1) / (1 + a)
    high = 0.7853981633974483
    low = 3.061616997868383e-17
  } else if (a < 2.4375) {
    t = (a - 1.5) / (1 + 1.5 * a)
    high = 0.982793723247329
    low = 1.3903311031230998e-17
  }
  const z = t * t
  let p = z * 0.016285820115365782 - 0.036531572744216916
  p = p * z + 0.049768779946159324
  p = p * z - 0.058335701337905735
  p = p * z + 0.06661073137387531
  p = p * z - 0.0769187620504483
  p = p * z + 0.09090887133436507
  p = p * z - 0.11111110405462356
  p = p * z + 0.14285714272503466
  p = p * z - 0.19999999999876483
  p = p * z + 0.3333333333333293
  return copysign(high + (t - (t * z * p - low)), x)
}
