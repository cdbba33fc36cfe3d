import { bounded, cosKernel, reduce, sinKernel } from '../scalar'
import { append, step64, swapHalves } from '../lanes'

/**
 * Tangent of x radians, at most 1 ulp off for |x| <= 2^24. In f64: x less n·pi/2, whose first part has 29 bits, then
 * a rational tan r = r (1 + a z) / (1 + b z + c z^2), z = r^2, own minimax fit, error 2^-26; -1 / tan r where n is odd.
 */
export function f32x4_tan(x: v128): v128 {
  let result = x
  for (let half = 0; half < 2; half++) {
    const y = f64x2.promote_low_f32x4(x)
    // Adding 1.5·2^52 rounds to an integer and leaves that in the low bits.
    const magic = f64x2.splat(6755399441055744)
    const t = f64x2.add(f64x2.mul(y, f64x2.splat(0.6366197723675814)), magic)
    const n = f64x2.sub(t, magic)
    const r = f64x2.sub(
      f64x2.sub(y, f64x2.mul(n, f64x2.splat(1.570796325802803))),
      f64x2.mul(n, f64x2.splat(9.920935796805404e-10)),
    )
    const z = f64x2.mul(r, r)
    const one: f64 = 1
    const p = f64x2.mul(r, step64(f64x2.splat(-0.09578023028024676), z, one))
    const q = step64(step64(f64x2.splat(0.009709111700904102), z, -0.42911405889578), z, one)
    const odd = i64x2.shr_s(i64x2.shl(t, 63), 63)
    const tangent = f64x2.div(v128.bitselect(f64x2.neg(q), p, odd), v128.bitselect(p, q, odd))
    result = append(result, tangent)
    x = swapHalves(x)
  }
  return result
}

/** Tangent of x radians, at most 3 ulp off for |x| <= 2^31; beyond, as sine and cosine. */
export function f64_tan(x: f64): f64 {
  const y = bounded(x)
  const n = nearest(y * 0.6366197723675814)
  const r = reduce(y, n)
  const s = sinKernel(r)
  const c = cosKernel(r)
  return x == 0 ? x : (<i64>n) & 1 ? -c / s : s / c
}
