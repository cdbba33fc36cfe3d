// What the f64 functions share. A call inlines, since a template must stand alone.

/** 2^k for k in -1022..1023. */
// @ts-ignore: decorator
@inline
export function powerOfTwo(k: i64): f64 {
  return reinterpret<f64>((k + 1023) << 52)
}

/** x · 2^k rounded once, for x in 0.5..2 and k in -1076..1024. */
// @ts-ignore: decorator
@inline
export function scale(x: f64, k: i64): f64 {
  const half = k >> 1
  return x * powerOfTwo(half) * powerOfTwo(k - half)
}

/** e^(x + tail) · 2^shift; |tail| is far below |x|. */
// @ts-ignore: decorator
@inline
export function scaledExp(x: f64, tail: f64, shift: i64): f64 {
  const y = min(max(x, -746), 711)
  const k = nearest(y * 1.4426950408889634)
  // ln 2 in two parts, the first of 32 bits: its product with k is exact.
  const high = y - k * 0.6931471803691238
  const low = k * 1.9082149292705877e-10 - tail
  const r = high - low
  return scale(1 + (r + (expRest(r) + (high - r - low))), <i64>k + shift)
}

/** e^r - 1 - r for |r| < 0.35, by r - r^2/6 + r^4/360 ... with coefficients of fdlibm e_exp.c. */
// @ts-ignore: decorator
@inline
export function expRest(r: f64): f64 {
  const z = r * r
  let p = z * 4.1381367970572385e-8 - 1.6533902205465252e-6
  p = p * z + 6.613756321437934e-5
  p = p * z - 0.0027777777777015593
  p = p * z + 0.16666666666666602
  const c = r - z * p
  return (r * c) / (2 - c)
}

/** e^x - 1 for |x| <= 44, keeping relative accuracy near 0. */
// @ts-ignore: decorator
@inline
export function expm1(x: f64): f64 {
  const k = nearest(x * 1.4426950408889634)
  const high = x - k * 0.6931471803691238
  const low = k * 1.9082149292705877e-10
  const r = high - low
  const power = powerOfTwo(<i64>k)
  return power * (1 - 1 / power + r + (expRest(r) + (high - r - low)))
}

/** ln(x + tail) for a positive finite x and |tail| <= ulp(x)/2. Coefficients: fdlibm e_log.c. */
// @ts-ignore: decorator
@inline
export function logSum(x: f64, tail: f64): f64 {
  const subnormal = x < 2.2250738585072014e-308
  const bits = reinterpret<i64>(subnormal ? x * 18014398509481984 : x)
  // The bits' distance from those of sqrt(1/2), so that m comes to lie in sqrt(1/2)..sqrt(2).
  const e = (bits - 0x3fe6a09e667f3bcd) >> 52
  const f = reinterpret<f64>(bits - (e << 52)) - 1
  const s = f / (2 + f)
  const z = s * s
  let p = z * 0.14798198605116586 + 0.15313837699209373
  p = p * z + 0.1818357216161805
  p = p * z + 0.22222198432149784
  p = p * z + 0.2857142874366239
  p = p * z + 0.3999999999940942
  p = p * z + 0.6666666666666735
  const square = 0.5 * f * f
  const k = <f64>(subnormal ? e - 54 : e)
  return k * 0.6931471803691238 - (square - (s * (square + z * p) + (k * 1.9082149292705877e-10 + tail / x)) - f)
}

/** ln(1 + x) for a finite x > -1, keeping relative accuracy near 0. */
// @ts-ignore: decorator
@inline
export function log1p(x: f64): f64 {
  const sum = 1 + x
  const part = sum - 1
  return logSum(sum, 1 - (sum - part) + (x - part))
}

/** The rounding error of product = a · b, by Dekker's splitting; for |a|, |b| < 2^996. */
// @ts-ignore: decorator
@inline
export function productError(a: f64, b: f64, product: f64): f64 {
  const as = a * 134217729
  const ah = as - (as - a)
  const al = a - ah
  const bs = b * 134217729
  const bh = bs - (bs - b)
  const bl = b - bh
  return ah * bh - product + ah * bl + al * bh + al * bl
}

/** x itself where trigonometric functions make sense, |x| < 2^52, where less than half a turn is lost; else 0 or NaN. */
// @ts-ignore: decorator
@inline
export function bounded(x: f64): f64 {
  return abs(x) < 4503599627370496 ? x : x - x
}

/** x - n·pi/2 with pi/2 in three parts of 22 bits and a rest (Cody & Waite): exact products up to n = 2^31. */
// @ts-ignore: decorator
@inline
export function reduce(x: f64, n: f64): f64 {
  return x - n * 1.570796012878418 - n * 3.139164164167596e-7 - n * 6.223371969669989e-14 - n * 2.0222662487959506e-21
}

/** sin r for |r| < 0.79. Coefficients: fdlibm k_sin.c. */
// @ts-ignore: decorator
@inline
export function sinKernel(r: f64): f64 {
  const z = r * r
  let p = z * 1.58969099521155e-10 - 2.5050760253406863e-8
  p = p * z + 2.7557313707070068e-6
  p = p * z - 0.0001984126982985795
  p = p * z + 0.00833333333332249
  p = p * z - 0.16666666666666632
  return r + r * z * p
}

/** cos r for |r| < 0.79. Coefficients: fdlibm k_cos.c. */
// @ts-ignore: decorator
@inline
export function cosKernel(r: f64): f64 {
  const z = r * r
  let p = z * -1.1359647557788195e-11 + 2.087572321298175e-9
  p = p * z - 2.7557314351390663e-7
  p = p * z + 2.480158728947673e-5
  p = p * z - 0.001388888888887411
  p = p * z + 0.0416666666666666
  const half = 0.5 * z
  const high = 1 - half
  return high + (1 - high - half + z * z * p)
}

/**
 * sin(x + quarters·pi/2), at most 2 ulp off for |x| <= 2^31. Beyond, the absolute error is about |x|·2^-53, and
 * from 2^52 on x counts as 0.
 */
// @ts-ignore: decorator
@inline
export function shiftedSin(x: f64, quarters: i64): f64 {
  const y = bounded(x)
  const n = nearest(y * 0.6366197723675814)
  const turn = <i64>n + quarters
  const r = reduce(y, n)
  const result = turn & 1 ? cosKernel(r) : sinKernel(r)
  return turn & 2 ? -result : result
}

/** asin(s)/s - 1 for z = s^2 <= 1/4. Coefficients: fdlibm e_asin.c. */
// @ts-ignore: decorator
@inline
export function asinRest(z: f64): f64 {
  let p = z * 3.479331075960212e-5 + 0.0007915349942898145
  p = p * z - 0.04005553450067941
  p = p * z + 0.20121253213486293
  p = p * z - 0.3255658186224009
  p = p * z + 0.16666666666666666
  let q = z * 0.07703815055590194 - 0.6882839716054533
  q = q * z + 2.0209457602335057
  q = q * z - 2.403394911734414
  return (z * p) / (q * z + 1)
}
