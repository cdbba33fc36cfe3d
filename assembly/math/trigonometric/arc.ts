import { step } from '../lanes'

// asin a for a <= 1/2, and pi/2 - 2 asin sqrt((1 - a) / 2) above: inverse sine and cosine share this.

/** The square of what the series is taken of: a^2, or (1 - a) / 2 where a is large. */
// @ts-ignore: decorator
@inline
export function asinSquare(a: v128, large: v128): v128 {
  const half = f32x4.splat(0.5)
  return v128.bitselect(f32x4.sub(half, f32x4.mul(half, a)), f32x4.mul(a, a), large)
}

/** asin(s)/s - 1 for z = s^2 <= 1/4, own minimax fit, error 2^-27. */
// @ts-ignore: decorator
@inline
export function asinRest(z: v128): v128 {
  let p = step(f32x4.splat(0.042158305644989014), z, 0.024184778332710266)
  p = step(p, z, 0.04546914994716644)
  p = step(p, z, 0.074953094124794)
  p = step(p, z, 0.16666752099990845)
  return f32x4.mul(z, p)
}
