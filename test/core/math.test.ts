import { describe, expect, it } from 'vitest'
import * as math from '../../compiler/core/math/index.ts'

type Unary = Exclude<keyof typeof math, 'pow' | 'erf'>

function generator(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    const high = state
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return (high + state / 2 ** 32) / 2 ** 32
  }
}

/** Points spread evenly over a..b. */
const even = (a: number, b: number) => (random: () => number) => a + (b - a) * random()
/** Magnitudes spread evenly over the exponents of a..b, either sign. */
const logarithmic = (a: number, b: number) => (random: () => number) => {
  const magnitude = 2 ** (Math.log2(a) + (Math.log2(b) - Math.log2(a)) * random())
  return random() < 0.5 ? -magnitude : magnitude
}

function ulp(x: number): number {
  return Math.max(2 ** (Math.floor(Math.log2(Math.abs(x))) - 52), 2 ** -1074)
}

function worstError(actual: (x: number) => number, reference: (x: number) => number, points: number[]): number {
  let worst = 0
  for (const x of points) {
    const a = actual(x)
    const r = reference(x)
    if (Object.is(a, r)) continue
    const error = Math.abs(a - r) / ulp(r)
    expect(error, `at ${x}: ${a} instead of ${r}`).not.toBeNaN()
    worst = Math.max(worst, error)
  }
  return worst
}

const wide = logarithmic(1e-300, 1e300)
const unit = even(-1, 1)
const small = logarithmic(1e-300, 1)
const hyperbolic = [even(-709, 709), even(-3, 3), small]
const trigonometric = [even(-10, 10), small, logarithmic(1, 2 ** 20), logarithmic(2 ** 20, 1.7e308)]
const positive = (random: () => number) => Math.abs(wide(random))
const nearOne = (random: () => number) => 1 + logarithmic(1e-16, 0.5)(random)

const ranges: Record<Unary, ((random: () => number) => number)[]> = {
  exp: [even(-745, 709.7), unit, small],
  expm1: [even(-60, 709.7), unit, small],
  log: [positive, nearOne],
  log1p: [positive, unit, small],
  log2: [positive, nearOne],
  sin: trigonometric,
  cos: trigonometric,
  tan: trigonometric,
  asin: [unit, small],
  acos: [unit, small],
  atan: [wide, even(-3, 3), small],
  sinh: hyperbolic,
  cosh: hyperbolic,
  tanh: hyperbolic,
  asinh: [wide, even(-3, 3), small],
  acosh: [(random) => 1 + positive(random), even(1, 3)],
  atanh: [unit, small],
}

describe('elementary functions', () => {
  // An engine's own functions may be off by an ulp, or two in the hyperbolic ones.
  it.each(Object.keys(ranges) as Unary[])('%s agrees with the engine', (name) => {
    const random = generator(1)
    const points = ranges[name].flatMap((next) => Array.from({ length: 2000 }, () => next(random)))
    expect(worstError(math[name], Math[name], points)).toBeLessThanOrEqual(3)
  })

  it('pow agrees with the engine', () => {
    const random = generator(2)
    for (let i = 0; i < 5000; i++) {
      const x = Math.abs(logarithmic(1e-100, 1e100)(random))
      const y = even(-3, 3)(random)
      expect(
        worstError(
          () => math.pow(x, y),
          () => Math.pow(x, y),
          [x],
        ),
      ).toBeLessThanOrEqual(2)
    }
    // Reference by 400-digit arithmetic.
    expect(math.pow(1 + 2 ** -30, 2 ** 35)).toBe(78962959006040.9)
  })

  it('is exact where the result is', () => {
    for (let k = -1074; k < 1024; k++) {
      expect(math.pow(2, k)).toBe(2 ** k)
      expect(math.log2(2 ** k)).toBe(k)
    }
    for (let k = 0; k <= 22; k++) expect(math.pow(10, k)).toBe(Number(`1e${k}`))
    for (let i = -300; i <= 300; i++) expect(math.pow(i, 3)).toBe(i * i * i)
    expect(math.pow(7, 0.5)).toBe(Math.sqrt(7))
    expect(math.exp(1)).toBe(Math.E)
    expect(math.acos(-1)).toBe(Math.PI)
    expect(math.atan(Infinity)).toBe(Math.PI / 2)
    expect(math.asin(-1)).toBe(-Math.PI / 2)
  })

  it('reduces huge and unlucky arguments of sin, cos and tan', () => {
    // References by 1,300-bit arithmetic.
    expect(math.sin(1e22)).toBe(-0.8522008497671888)
    expect(math.cos(1e22)).toBe(0.523214785395139)
    expect(math.sin(Number.MAX_VALUE)).toBe(0.004961954789184062)
    expect(math.sin(Math.PI)).toBe(1.2246467991473532e-16)
    // The double nearest to a multiple of pi/2.
    expect(math.cos(6381956970095103 * 2 ** 797)).toBe(-4.687165924254628e-19)
    expect(math.tan(Math.PI / 2)).toBe(16331239353195370)
  })

  it('erf is right', () => {
    // References by 30-digit arithmetic.
    const references: [number, number][] = [
      [1e-300, 1.1283791670955126e-300],
      [0.1, 0.1124629160182849],
      [0.5, 0.5204998778130465],
      [0.99, 0.8385080695553698],
      [1, 0.8427007929497148],
      [1.5, 0.9661051464753108],
      [2, 0.9953222650189527],
      [3, 0.9999779095030014],
      [5, 0.9999999999984626],
      [7, 1],
      [Infinity, 1],
    ]
    for (const [x, y] of references) {
      expect(worstError(math.erf, () => y, [x])).toBeLessThanOrEqual(1.5)
      expect(math.erf(-x)).toBe(-math.erf(x))
    }
    expect(math.erf(NaN)).toBeNaN()
    expect(math.erf(-0)).toBe(-0)
  })

  it('has the special values of IEEE 754', () => {
    const points = [
      0,
      -0,
      1,
      -1,
      Infinity,
      -Infinity,
      NaN,
      2,
      -2,
      5e-324,
      -5e-324,
      1e-310,
      1e308,
      -1e308,
      1e9,
      -1e9,
      710,
      -710,
    ]
    for (const name of Object.keys(ranges) as Unary[]) {
      for (const x of [...points, -745.2, -745.1, 709.78, 709.79, 88.5]) {
        const expected = Math[name](x)
        const actual = math[name](x)
        if (Number.isFinite(expected) && expected !== 0) {
          expect(Math.abs(actual - expected) / ulp(expected), `${name}(${x})`).toBeLessThanOrEqual(2)
        } else {
          expect(actual, `${name}(${x})`).toBe(expected)
        }
      }
    }
  })

  it("has pow's special values of C99", () => {
    const points = [0, -0, 1, -1, Infinity, -Infinity, NaN, 2, -2, 3, 0.5, -0.5, -3, 1e300, -1e300, 5e-324, 2 ** 53 + 2]
    for (const x of points) {
      for (const y of points) {
        const c99 = x === 1 || (x === -1 && Math.abs(y) === Infinity) ? 1 : Math.pow(x, y)
        const actual = math.pow(x, y)
        const ordinary = Number.isFinite(c99) && c99 !== 0
        if (ordinary) expect(Math.abs(actual - c99) / ulp(c99), `pow(${x}, ${y})`).toBeLessThanOrEqual(1)
        else expect(actual, `pow(${x}, ${y})`).toBe(c99)
      }
    }
  })
})
