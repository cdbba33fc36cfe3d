import { divide, twoProduct, twoSum } from './double-double.ts'
import { exp, expm1Parts, log, log1p, log1pSum, scaledExp } from './exponential.ts'

const LN2 = 0.6931471805599453

/** 2^28: from here on x^2 + 1 = x^2 in double arithmetic. */
const LARGE = 268435456

/** Gives f(|x|) the sign of x: every function here but cosh is odd. */
function odd(x: number, f: (magnitude: number) => number): number {
  return x === 0 || x !== x ? x : x < 0 ? -f(-x) : f(x)
}

/** Hyperbolic sine. */
export function sinh(x: number): number {
  return odd(x, (a) => {
    if (a > 22) return scaledExp(a, 0, -1)
    const [hi, lo] = expm1Parts(a)
    return 0.5 * (hi + (lo + hi / (hi + 1)))
  })
}

/** Hyperbolic cosine. */
export function cosh(x: number): number {
  const a = Math.abs(x)
  if (a !== a || a > 22) return a !== a ? x : scaledExp(a, 0, -1)
  const e = exp(a)
  return 0.5 * e + 0.5 / e
}

/** Hyperbolic tangent: E / (E + 2) with E = e^2x - 1. */
export function tanh(x: number): number {
  return odd(x, (a) => {
    if (a > 20) return 1
    const e = expm1Parts(2 * a)
    const [sum, error] = twoSum(2, e[0])
    return divide(e, [sum, error + e[1]])[0]
  })
}

/** Inverse hyperbolic sine. */
export function asinh(x: number): number {
  return odd(x, (a) => {
    if (a > LARGE) return log(a) + LN2
    const [square, error] = twoProduct(a, a)
    const root = Math.sqrt(square + 1)
    return a > 2 ? log(2 * a + 1 / (root + a)) : log1pSum(...twoSum(a, (square + error) / (1 + root)))
  })
}

/** Inverse hyperbolic cosine; NaN below 1. */
export function acosh(x: number): number {
  if (x < 1) return NaN
  if (x > LARGE) return log(x) + LN2
  if (x > 2) return log(2 * x - 1 / (x + Math.sqrt(x * x - 1)))
  const t = x - 1
  return log1pSum(...twoSum(t, Math.sqrt(2 * t + t * t)))
}

/** Inverse hyperbolic tangent; ±Infinity at ±1, NaN beyond. */
export function atanh(x: number): number {
  return odd(x, (a) => 0.5 * log1p((2 * a) / (1 - a)))
}
