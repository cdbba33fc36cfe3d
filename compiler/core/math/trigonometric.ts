import type { DoubleDouble } from './double-double.ts'
import { divide, highWord, multiply, powerOfTwo, twoProduct, twoSum, withHighWord } from './double-double.ts'

// pi/2 in three parts of 33 bits and a rest: their products with integers up to 2^20 are exact (Cody & Waite).
const HALF_PI_1 = 1.5707963267341256
const HALF_PI_2 = 6.077100506303966e-11
const HALF_PI_3 = 2.0222662487111665e-21
const HALF_PI_4 = 8.4784276603689e-32

const HALF_PI: DoubleDouble = [1.5707963267948966, 6.123233995736766e-17]

/** 2/pi with 1216 bits after the binary point. */
const TWO_OVER_PI = BigInt(
  '0xa2f9836e4e441529fc2757d1f534ddc0db6295993c439041fe5163abdebbc561b7246e3a424dd2e006492eea09d1921cfe1deb1cb129' +
    'a73ee88235f52ebb4484e99c7026b45f7e413991d639835339f49c845f8bbdf9283b1ff897ffde05980fef2f118b5a0a6d1f6d367ecf27' +
    'cb09b74f463f669e5fea2d7527bac7ebe5f17b3d0739f78a5292ea6bfb5fb11f8d5d0856033046fc7b6bab',
)

/** x - n pi/2 as a double-double in ±(pi/4 + tiny), and n modulo 4, for a finite x. */
function reduce(x: number): { quadrant: number; r: DoubleDouble } {
  const n = Math.round(x * 0.6366197723675814)
  if (n === 0) return { quadrant: 0, r: [x, 0] }
  if (Math.abs(x) > 1048576) return reduceHuge(x)
  const [a, aLow] = twoSum(x - n * HALF_PI_1, -n * HALF_PI_2)
  const [b, bLow] = twoSum(a, -n * HALF_PI_3)
  return { quadrant: n & 3, r: twoSum(b, aLow + bLow - n * HALF_PI_4) }
}

/** `reduce` for |x| > 2^20 by integer arithmetic: M. Payne, R. Hanek, Radian reduction for trigonometric functions, 1983. */
function reduceHuge(x: number): { quadrant: number; r: DoubleDouble } {
  const high = highWord(x)
  const exponent = ((high >> 20) & 0x7ff) - 1075
  const magnitude = BigInt(withHighWord(x, (high & 0xfffff) | (1075 << 20)))
  const significand = x < 0 ? -magnitude : magnitude
  const fractionBits = BigInt(1216 - exponent)
  const turns = significand * TWO_OVER_PI
  const n = (turns + (1n << (fractionBits - 1n))) >> fractionBits
  // The nearest that a double comes to a multiple of pi/2 is about 2^-61, so 180 bits of the fraction hold 119 that count.
  const fraction = (turns - (n << fractionBits)) >> (fractionBits - 180n)
  const hi = Number(fraction)
  const lo = Number(fraction - BigInt(hi))
  return { quadrant: Number(n & 3n), r: multiply([hi * powerOfTwo(-180), lo * powerOfTwo(-180)], HALF_PI) }
}

/** sin(r) for |r| < 0.79 as an unevaluated sum. Coefficients: fdlibm k_sin.c. */
function sinKernel([r, tail]: DoubleDouble): DoubleDouble {
  const z = r * r
  const p =
    8.33333333332248946124e-3 +
    z *
      (-1.98412698298579493134e-4 +
        z * (2.75573137070700676789e-6 + z * (-2.50507602534068634195e-8 + z * 1.58969099521155010221e-10)))
  return [r, r * z * (-1.66666666666666324348e-1 + z * p) + tail * (1 - 0.5 * z)]
}

/** cos(r) for |r| < 0.79 as an unevaluated sum. Coefficients: fdlibm k_cos.c. */
function cosKernel([r, tail]: DoubleDouble): DoubleDouble {
  const z = r * r
  const p =
    4.16666666666666019037e-2 +
    z *
      (-1.38888888888741095749e-3 +
        z *
          (2.48015872894767294178e-5 +
            z * (-2.75573143513906633035e-7 + z * (2.0875723212981748279e-9 + z * -1.13596475577881948265e-11))))
  const half = 0.5 * z
  const high = 1 - half
  return [high, 1 - high - half + (z * z * p - r * tail)]
}

/** Sine of x radians. */
export function sin(x: number): number {
  return x === 0 ? x : shiftedSin(x, 0)
}

/** Cosine of x radians. */
export function cos(x: number): number {
  return shiftedSin(x, 1)
}

/** sin(x + shift * pi/2). */
function shiftedSin(x: number, shift: number): number {
  if (!(Math.abs(x) < Infinity)) return NaN
  const { quadrant, r } = reduce(x)
  const turn = quadrant + shift
  const [hi, lo] = turn & 1 ? cosKernel(r) : sinKernel(r)
  return turn & 2 ? -(hi + lo) : hi + lo
}

/** Tangent of x radians. */
export function tan(x: number): number {
  if (!(Math.abs(x) < Infinity)) return NaN
  if (x === 0) return x
  const { quadrant, r } = reduce(x)
  const sine = twoSum(...sinKernel(r))
  const cosine = twoSum(...cosKernel(r))
  return quadrant & 1 ? -divide(cosine, sine)[0] : divide(sine, cosine)[0]
}

/** asin(x)/x - 1 as a function of z = x^2, z <= 0.25. Coefficients: fdlibm e_asin.c. */
function asinRest(z: number): number {
  const p =
    z *
    (1.66666666666666657415e-1 +
      z *
        (-3.25565818622400915405e-1 +
          z *
            (2.01212532134862925881e-1 +
              z * (-4.00555345006794114027e-2 + z * (7.91534994289814532176e-4 + z * 3.4793310759602116757e-5)))))
  const q =
    1 +
    z *
      (-2.40339491173441421878 +
        z * (2.02094576023350569471 + z * (-6.8828397160545329303e-1 + z * 7.70381505559019352791e-2)))
  return p / q
}

/** asin of sqrt(z), z <= 0.25, as an unevaluated sum. */
function asinOfRoot(z: number): DoubleDouble {
  if (z === 0) return [0, 0]
  const s = Math.sqrt(z)
  const [square, error] = twoProduct(s, s)
  return [s, s * asinRest(z) + (z - square - error) / (2 * s)]
}

/** Inverse sine in radians; NaN outside -1..1. */
export function asin(x: number): number {
  const a = Math.abs(x)
  if (a <= 0.5) return x + x * asinRest(x * x)
  if (!(a <= 1)) return NaN
  const [s, rest] = asinOfRoot((1 - a) / 2)
  const [hi, lo] = twoSum(HALF_PI[0], -2 * s)
  const result = hi + (lo + (HALF_PI[1] - 2 * rest))
  return x < 0 ? -result : result
}

/** Inverse cosine in radians; NaN outside -1..1. */
export function acos(x: number): number {
  const a = Math.abs(x)
  if (a <= 0.5) {
    const [hi, lo] = twoSum(HALF_PI[0], -x)
    return hi + (lo + (HALF_PI[1] - x * asinRest(x * x)))
  }
  if (!(a <= 1)) return NaN
  const [s, rest] = asinOfRoot((1 - a) / 2)
  if (x > 0) return 2 * (s + rest)
  const [hi, lo] = twoSum(2 * HALF_PI[0], -2 * s)
  return hi + (lo + 2 * (HALF_PI[1] - rest))
}

/** Centres c of the argument reduction atan(a) = atan(c) + atan((a - c) / (1 + a c)), with the bounds of a and atan(c). */
const ATAN_CENTRES: readonly { below: number; c: number; hi: number; lo: number }[] = [
  { below: 7 / 16, c: 0, hi: 0, lo: 0 },
  { below: 11 / 16, c: 0.5, hi: 0.4636476090008061, lo: 2.2698777452961687e-17 },
  { below: 19 / 16, c: 1, hi: 0.7853981633974483, lo: 3.061616997868383e-17 },
  { below: 39 / 16, c: 1.5, hi: 0.982793723247329, lo: 1.3903311031230998e-17 },
]

/** Coefficients of (r - atan(r)) / r^3 in r^2, |r| < 0.44: fdlibm s_atan.c. */
const ATAN_SERIES = [
  3.33333333333329318027e-1, -1.99999999998764832476e-1, 1.42857142725034663711e-1, -1.1111110405462355788e-1,
  9.09088713343650656196e-2, -7.69187620504482999495e-2, 6.66107313738753120669e-2, -5.83357013379057348645e-2,
  4.97687799461593236017e-2, -3.6531572744216915527e-2, 1.62858201153657823623e-2,
]

/** Inverse tangent in radians. */
export function atan(x: number): number {
  if (x === 0 || x !== x) return x
  const a = Math.abs(x)
  const centre = ATAN_CENTRES.find(({ below }) => a < below)
  const [hi, lo] = centre ? [centre.hi, centre.lo] : HALF_PI
  const r = centre ? (a - centre.c) / (1 + a * centre.c) : -1 / a
  const z = r * r
  const rest = r * z * ATAN_SERIES.reduceRight((sum, coefficient) => sum * z + coefficient, 0)
  const result = hi === 0 ? r - rest : hi + (r - (rest - lo))
  return x < 0 ? -result : result
}
