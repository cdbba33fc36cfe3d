/**
 * Double-double arithmetic: an unevaluated sum hi + lo of two f64 with |lo| <= ulp(hi)/2, some 106 bits together,
 * and the access to a double's exponent. Source: T. J. Dekker, A floating-point technique for extending the
 * available precision, 1971; D. E. Knuth, The Art of Computer Programming, vol. 2, 4.2.2.
 */
export type DoubleDouble = readonly [hi: number, lo: number]

const view = new DataView(new ArrayBuffer(8))

/** The upper 32 bits of a double: sign, exponent, and 20 bits of its significand. */
export function highWord(x: number): number {
  view.setFloat64(0, x)
  return view.getInt32(0)
}

/** `x` with its upper 32 bits replaced. */
export function withHighWord(x: number, high: number): number {
  view.setFloat64(0, x)
  view.setInt32(0, high)
  return view.getFloat64(0)
}

/** 2^k for an integer k in -1022..1023. */
export function powerOfTwo(k: number): number {
  return withHighWord(0, (k + 1023) << 20)
}

/** x * 2^k rounded once, for x in 0.5..2 and an integer k in -1076..1024. */
export function scale(x: number, k: number): number {
  if (k > 1023) return x * 2 * powerOfTwo(k - 1)
  if (k < -1022) return x * powerOfTwo(k + 54) * powerOfTwo(-54)
  return x * powerOfTwo(k)
}

/** a + b exactly. */
export function twoSum(a: number, b: number): DoubleDouble {
  const sum = a + b
  const part = sum - a
  return [sum, a - (sum - part) + (b - part)]
}

/** a * b exactly, while nothing overflows (|a|, |b| < 2^996) or underflows. */
export function twoProduct(a: number, b: number): DoubleDouble {
  const product = a * b
  const [ah, al] = halves(a)
  const [bh, bl] = halves(b)
  return [product, ah * bh - product + ah * bl + al * bh + al * bl]
}

/** (a + b) renormalised, correct to about 2^-104. */
export function add([ah, al]: DoubleDouble, [bh, bl]: DoubleDouble): DoubleDouble {
  const [sum, error] = twoSum(ah, bh)
  return twoSum(sum, error + (al + bl))
}

/** (a * b) renormalised, correct to about 2^-102. */
export function multiply([ah, al]: DoubleDouble, [bh, bl]: DoubleDouble): DoubleDouble {
  const [product, error] = twoProduct(ah, bh)
  return twoSum(product, error + (ah * bl + al * bh))
}

/** (a / b) renormalised, correct to about 2^-100. */
export function divide([ah, al]: DoubleDouble, [bh, bl]: DoubleDouble): DoubleDouble {
  const quotient = ah / bh
  const [product, error] = twoProduct(quotient, bh)
  return twoSum(quotient, (ah - product - error + al - quotient * bl) / bh)
}

function halves(a: number): DoubleDouble {
  const shifted = a * 134217729
  const high = shifted - (shifted - a)
  return [high, a - high]
}
