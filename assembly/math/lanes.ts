// What the vector kernels share. A call inlines, since a template must stand alone.

/** sum · x + coefficient: one step of Horner's rule. */
// @ts-ignore: decorator
@inline
export function step(sum: v128, x: v128, coefficient: f32): v128 {
  return f32x4.add(f32x4.mul(sum, x), f32x4.splat(coefficient))
}

/** `step` in two lanes of f64. */
// @ts-ignore: decorator
@inline
export function step64(sum: v128, x: v128, coefficient: f64): v128 {
  return f64x2.add(f64x2.mul(sum, x), f64x2.splat(coefficient))
}

/** x in lo..hi; NaN stays. One instruction a bound on x86, unlike min and max. */
// @ts-ignore: decorator
@inline
export function clamp(x: v128, lo: f32, hi: f32): v128 {
  return f32x4.pmin(f32x4.pmax(x, f32x4.splat(lo)), f32x4.splat(hi))
}

/** 2^(n + shift) for integers n in f32; 0 for -127. Adding 1.5 · 2^23 leaves the biased exponent in the low bits. */
// @ts-ignore: decorator
@inline
export function powerOfTwo(n: v128, shift: f32): v128 {
  return i32x4.shl(f32x4.add(n, f32x4.splat(12582912 + 127 + shift)), 23)
}

/** The magnitude of a with the sign of b. */
// @ts-ignore: decorator
@inline
export function withSign(a: v128, b: v128): v128 {
  return v128.bitselect(b, a, i32x4.splat(i32.MIN_VALUE))
}

/** The four f32 as (2, 3, 0, 1): a function in f64 runs twice, on the lower two lanes each time. */
// @ts-ignore: decorator
@inline
export function swapHalves(x: v128): v128 {
  return v128.shuffle<u64>(x, x, 1, 0)
}

/** Appends the two f64 of y, as f32, to the upper half of x. */
// @ts-ignore: decorator
@inline
export function append(x: v128, y: v128): v128 {
  return v128.shuffle<u64>(x, f32x4.demote_f64x2_zero(y), 1, 2)
}

/**
 * Natural logarithm of two normal f64 > 0 (infinity and NaN stay), relative error 2^-37 even near 1:
 * ln m = 2 s + s z p(z), s = (m - 1) / (m + 1), z = s^2, own minimax fit.
 */
// @ts-ignore: decorator
@inline
export function log64(x: v128): v128 {
  const one = f64x2.splat(1)
  // The bits' distance from those of sqrt(1/2), so that m comes to lie in sqrt(1/2)..sqrt(2); e is biased by 1023.
  const e = i64x2.shr_u(i64x2.add(x, i64x2.splat(0x3ff0000000000000 - 0x3fe6a09e667f3bcd)), 52)
  const m = i64x2.add(i64x2.sub(x, i64x2.shl(e, 52)), one)
  const s = f64x2.div(f64x2.sub(m, one), f64x2.add(m, one))
  const z = f64x2.mul(s, s)
  let p = step64(f64x2.splat(0.23581602872728), z, 0.2853734057231699)
  p = step64(p, z, 0.4000033462668713)
  p = step64(p, z, 0.6666666564828098)
  p = step64(p, z, 2)
  // Under the exponent of 2^52 an integer is its own significand.
  const exponent = f64x2.sub(v128.or(e, i64x2.splat(0x4330000000000000)), f64x2.splat(4503599627371519))
  const result = f64x2.add(f64x2.mul(exponent, f64x2.splat(0.6931471805599453)), f64x2.mul(s, p))
  return v128.bitselect(result, x, f64x2.lt(x, f64x2.splat(Infinity)))
}

/** e^x of two f64 clamped to ±200, to 2^-26 of e^x - 1. NaN stays. e^r = 1 + r + r^2 q(r), own minimax fit. */
// @ts-ignore: decorator
@inline
export function exp64(x: v128): v128 {
  const y = f64x2.pmin(f64x2.pmax(x, f64x2.splat(-200)), f64x2.splat(200))
  // Adding 1.5 · 2^52 rounds to an integer and leaves it, biased here by 1023, in the low bits.
  const magic = f64x2.splat(6755399441055744 + 1023)
  const t = f64x2.add(f64x2.mul(y, f64x2.splat(1.4426950408889634)), magic)
  const r = f64x2.sub(y, f64x2.mul(f64x2.sub(t, magic), f64x2.splat(0.6931471805599453)))
  let p = step64(f64x2.splat(0.0013882517572928904), r, 0.008366520390793143)
  p = step64(p, r, 0.04166719993507277)
  p = step64(p, r, 0.16666543622630767)
  p = step64(p, r, 0.49999998153685543)
  p = step64(p, r, 1)
  p = step64(p, r, 1)
  return f64x2.mul(p, i64x2.shl(t, 52))
}
