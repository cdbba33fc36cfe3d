import type { DoubleDouble } from './double-double.ts'
import {
  add,
  divide,
  highWord,
  multiply,
  powerOfTwo,
  scale,
  twoProduct,
  twoSum,
  withHighWord,
} from './double-double.ts'

const LOG2_E = 1.4426950408889634
const LOG2_E_LOW = 2.0355273740931033e-17

// ln 2 in two parts. The high part has 32 or 42 significant bits, so that its product with an exponent is exact.
const LN2_HIGH = 0.6931471803691238
const LN2_LOW = 1.9082149292705877e-10
const LN2_42 = 0.6931471805598903
const LN2_42_LOW = 5.497923018708371e-14

/** 1/5, 1/7 ... 1/27: the series of atanh from its third term on. */
const ODD_RECIPROCALS = Array.from({ length: 12 }, (_, i) => 1 / (2 * i + 5))

/** Writes exp(x + tail) - 1 as 2^k (1 + hi + lo) - 1, |hi| < 0.42; for |x| < 1e6 and |tail| << |x|. */
function reduceExp(x: number, tail: number): { k: number; hi: number; lo: number } {
  const k = Math.round(x * LOG2_E)
  const high = x - k * LN2_HIGH
  const low = k * LN2_LOW - tail
  const r = high - low
  const z = r * r
  // r - r^2/6 + r^4/360 ...; exp(r) = 1 + r + r c / (2 - c). Coefficients: fdlibm e_exp.c.
  const c =
    r -
    z *
      (1.66666666666666019037e-1 +
        z *
          (-2.77777777770155933842e-3 +
            z * (6.61375632143793436117e-5 + z * (-1.6533902205465251539e-6 + z * 4.13813679705723846039e-8))))
  return { k, hi: r, lo: (r * c) / (2 - c) + (high - r - low) * (1 + r) }
}

/** exp(x + tail) * 2^shift, rounded once; |tail| << |x|. Lets callers pass arguments of more than 53 bits. */
export function scaledExp(x: number, tail: number, shift: number): number {
  if (x > 720) return Infinity
  if (x < -760) return 0
  const { k, hi, lo } = reduceExp(x, tail)
  if (k + shift > 1024) return Infinity
  if (k + shift < -1076) return 0
  return scale(1 + (hi + lo), k + shift)
}

/** e^x. */
export function exp(x: number): number {
  return x !== x ? x : scaledExp(x, 0, 0)
}

/** e^x - 1 as an unevaluated sum, for |x| <= 56. */
export function expm1Parts(x: number): DoubleDouble {
  const { k, hi, lo } = reduceExp(x, 0)
  if (k === 0) return twoSum(hi, lo)
  const [sum, error] = twoSum(1 - powerOfTwo(-k), hi)
  const [high, low] = twoSum(sum, error + lo)
  const factor = powerOfTwo(k)
  return [high * factor, low * factor]
}

/** e^x - 1, keeping relative accuracy near 0. */
export function expm1(x: number): number {
  if (x !== x || x === 0) return x
  if (x > 56) return exp(x)
  if (x < -56) return -1
  return expm1Parts(x)[0]
}

/**
 * ln(x + tail) = k ln 2 + (a double-double in -0.35..0.35), for a finite x > 0 and |tail| <= ulp(x)/2.
 * Relative error about 2^-65: ln m = 2 (s + s^3/3 + s^5/5 + ...) with s = (m - 1)/(m + 1), |s| < 0.172, where the
 * terms after the second are small enough for plain double arithmetic.
 */
function logParts(x: number, tail: number): { k: number; fraction: DoubleDouble } {
  const subnormal = x < powerOfTwo(-1022)
  const normal = subnormal ? x * powerOfTwo(54) : x
  const high = highWord(normal)
  const aboveSqrt2 = (high & 0xfffff) >= 0x6a09e ? 1 : 0
  const exponent = (high >> 20) - 1023 + aboveSqrt2
  const m = withHighWord(normal, (high & 0xfffff) | ((1023 - aboveSqrt2) << 20))
  const f = twoSum(m - 1, tail === 0 ? 0 : tail * powerOfTwo(-exponent))
  const s = divide(f, add(f, [2, 0]))
  const z = multiply(s, s)
  const rest = z[0] * ODD_RECIPROCALS.reduceRight((sum, coefficient) => sum * z[0] + coefficient, 0)
  const factor = add([0.3333333333333333, 1.850371707708594e-17], [rest, 0])
  const cubic = multiply(multiply(s, z), factor)
  const [hi, lo] = add(s, cubic)
  return { k: subnormal ? exponent - 54 : exponent, fraction: [2 * hi, 2 * lo] }
}

/** ln(x + tail) as a double-double, under the conditions of `logParts`. */
export function logDouble(x: number, tail: number): DoubleDouble {
  const { k, fraction } = logParts(x, tail)
  return add([k * LN2_42, k * LN2_42_LOW], fraction)
}

/** What the logarithms return outside the finite positive numbers. */
function logSpecial(x: number): number {
  return x === 0 ? -Infinity : x > 0 ? x : NaN
}

/** Natural logarithm; -Infinity at 0, NaN below. */
export function log(x: number): number {
  return x > 0 && x < Infinity ? logDouble(x, 0)[0] : logSpecial(x)
}

/** Logarithm to base 2; exact at powers of two. */
export function log2(x: number): number {
  if (!(x > 0 && x < Infinity)) return logSpecial(x)
  const { k, fraction } = logParts(x, 0)
  return add([k, 0], multiply(fraction, [LOG2_E, LOG2_E_LOW]))[0]
}

/** ln(1 + x), keeping relative accuracy near 0; -Infinity at -1, NaN below. */
export function log1p(x: number): number {
  return x === 0 ? x : log1pSum(x, 0)
}

/** ln(1 + x + tail) for |tail| <= ulp(x)/2. */
export function log1pSum(x: number, tail: number): number {
  if (!(x > -1 && x < powerOfTwo(54))) return log(1 + x)
  const [sum, error] = twoSum(1, x)
  return logDouble(sum, error + tail)[0]
}

/** x^y with C99's table of special values: pow(x, 0) = pow(1, y) = 1 even for NaN, pow(-1, ±Infinity) = 1. */
export function pow(x: number, y: number): number {
  if (y === 0 || x === 1) return 1
  if (x !== x || y !== y) return NaN
  const base = Math.abs(x)
  if (Math.abs(y) === Infinity) return base === 1 ? 1 : base > 1 === y > 0 ? Infinity : 0
  const negative = x < 0 || Object.is(x, -0)
  const sign = negative && Math.abs(y) % 2 === 1 ? -1 : 1
  if (base === 0 || base === Infinity) return sign * ((base === 0) === y > 0 ? 0 : Infinity)
  if (x < 0 && y !== Math.trunc(y)) return NaN
  const [hi, lo] = logDouble(base, 0)
  const estimate = y * hi
  if (Math.abs(estimate) > 800) return sign * (estimate > 0 ? Infinity : 0)
  const [product, error] = twoProduct(y, hi)
  return sign * scaledExp(product, error + y * lo, 0)
}
