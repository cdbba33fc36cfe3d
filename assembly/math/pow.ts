import { append, exp64, log64, swapHalves } from './lanes'
import { productError, scaledExp } from './scalar'

/** x^y with C99's special values, at most 1 ulp off: e^(y ln |x|) in f64. */
export function f32x4_pow(x: v128, y: v128): v128 {
  const zero = f32x4.splat(0)
  const one = f32x4.splat(1)
  const magnitude = f32x4.abs(x)
  // x^0 and (±1)^y are 1 even where the other operand is infinite or NaN.
  let base = v128.bitselect(one, magnitude, f32x4.eq(y, zero))
  let exponent = v128.andnot(y, f32x4.eq(magnitude, one))
  let power = x
  for (let half = 0; half < 2; half++) {
    const b = f64x2.promote_low_f32x4(base)
    const infinityAtZero = v128.and(f64x2.eq(b, f64x2.splat(0)), f64x2.splat(Infinity))
    const ln = f64x2.sub(log64(b), infinityAtZero)
    power = append(power, exp64(f64x2.mul(ln, f64x2.promote_low_f32x4(exponent))))
    base = swapHalves(base)
    exponent = swapHalves(exponent)
  }
  const integer = f32x4.trunc(y)
  const halved = f32x4.mul(y, f32x4.splat(0.5))
  const fractional = f32x4.ne(y, integer)
  const odd = v128.andnot(f32x4.ne(halved, f32x4.trunc(halved)), fractional)
  const sign = v128.and(v128.and(x, odd), i32x4.splat(i32.MIN_VALUE))
  const finite = f32x4.eq(f32x4.sub(x, x), zero)
  const invalid = v128.and(v128.and(f32x4.lt(x, zero), finite), fractional)
  return v128.or(v128.or(power, sign), invalid)
}

/**
 * x^y with C99's special values, at most 1 ulp off. ln |x| to some 65 bits: x = 2^k m, ln m = 2 (s + s^3/3 + ...) with
 * s = (m - 1) / (m + 1), the first two terms in double-double arithmetic.
 */
export function f64_pow(x: f64, y: f64): f64 {
  const a = abs(x)
  if (y == 0 || x == 1) return 1
  if (x != x || y != y) return NaN
  if (abs(y) == Infinity) return a == 1 ? 1 : a > 1 == y > 0 ? Infinity : 0
  const fractional = y != trunc(y)
  const sign = !fractional && 0.5 * y != trunc(0.5 * y) ? copysign(1, x) : 1
  if (a == 0 || a == Infinity) return sign * ((a == 0) == y > 0 ? 0 : Infinity)
  if (x < 0 && fractional) return NaN

  const subnormal = a < 2.2250738585072014e-308
  const bits = reinterpret<i64>(subnormal ? a * 18014398509481984 : a)
  const e = (bits - 0x3fe6a09e667f3bcd) >> 52
  const m = reinterpret<f64>(bits - (e << 52))
  const k = <f64>(subnormal ? e - 54 : e)
  const sum = m + 1
  const sumLow = m - (sum - 1)
  const s = (m - 1) / sum
  const product = s * sum
  const sLow = (m - 1 - product - productError(s, sum, product) - s * sumLow) / sum
  const z = s * s
  const zLow = productError(s, s, z) + 2 * s * sLow
  // The series of atanh from its third term on.
  let p = z * (1.0 / 27) + 1.0 / 25
  p = p * z + 1.0 / 23
  p = p * z + 1.0 / 21
  p = p * z + 1.0 / 19
  p = p * z + 1.0 / 17
  p = p * z + 1.0 / 15
  p = p * z + 1.0 / 13
  p = p * z + 1.0 / 11
  p = p * z + 1.0 / 9
  p = p * z + 1.0 / 7
  p = p * z + 1.0 / 5
  p *= z
  const factor = 1.0 / 3 + p
  const factorLow = 1.0 / 3 - factor + p + 1.850371707708594e-17
  const cube = s * z
  const cubeLow = productError(s, z, cube) + s * zLow + sLow * z
  const term = cube * factor
  const termLow = productError(cube, factor, term) + cube * factorLow + cubeLow * factor
  const lnM = s + term
  const lnMLow = s - lnM + term + sLow + termLow
  // ln 2 in two parts, the first of 42 bits: its product with k is exact.
  const high = k * 0.6931471805598903 + 2 * lnM
  const low = k * 0.6931471805598903 - high + 2 * lnM + k * 5.497923018708371e-14 + 2 * lnMLow
  const estimate = y * high
  if (abs(estimate) > 800) return sign * (estimate > 0 ? Infinity : 0)
  return sign * scaledExp(estimate, productError(y, high, estimate) + y * low, 0)
}
