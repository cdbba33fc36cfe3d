import { formatType, isFloat, reader, sameType, type DType, type Tensor } from '../index.ts'

/** Floats a and b agree where |a − b| ≤ atol + rtol · |b|. */
export interface Tolerance {
  readonly atol: number
  readonly rtol: number
}

/** What is not given comes from the dtype. */
export type GivenTolerance = Partial<Tolerance>

/** Of f32 and f64. */
export const defaultTolerance: Tolerance = { atol: 1e-4, rtol: 1e-3 }

/** Narrower floats are some steps of their format apart where sums were rounded in another order. */
const ofNarrow: Readonly<Partial<Record<DType, Tolerance>>> = {
  f16: { atol: 1e-3, rtol: 1e-2 },
  bf16: { atol: 1e-2, rtol: 5e-2 },
}

/** What two floats of `dtype` may differ by, where nothing else is said. */
export const toleranceOf = (dtype: DType, { atol, rtol }: GivenTolerance = {}): Tolerance => {
  const own = ofNarrow[dtype] ?? defaultTolerance
  return { atol: atol ?? own.atol, rtol: rtol ?? own.rtol }
}

/** How a tensor differs from the expected one, or several from theirs. */
export interface Comparison {
  /** Largest |a − b|; infinite where only one of the two is NaN or an infinity. */
  readonly maxAbs: number
  /** Largest |a − b| / |b| over elements with |b| > atol. */
  readonly maxRel: number
  /** Σ b² and Σ (a − b)² over finite elements. */
  readonly signal: number
  readonly noise: number
  /** How many these are, and the least and the greatest b. */
  readonly count: number
  readonly low: number
  readonly high: number
  /** Rows along the last dimension, and those whose first largest element stands at the same place in both. */
  readonly rows: number
  readonly agreeing: number
  /** The first thing beyond the tolerance. */
  readonly wrong: string | undefined
}

export const noDifference: Comparison = {
  maxAbs: 0,
  maxRel: 0,
  signal: 0,
  noise: 0,
  count: 0,
  low: Infinity,
  high: -Infinity,
  rows: 0,
  agreeing: 0,
  wrong: undefined,
}

/** Floats are compared by value within the tolerance, integers and booleans exactly. NaN equals NaN, an infinity itself. */
export function compare(actual: Tensor, expected: Tensor, tolerance: GivenTolerance = {}): Comparison {
  if (!sameType(actual, expected)) {
    const wrong = `${formatType(actual)}, expected ${formatType(expected)}`
    return { ...noDifference, maxAbs: Infinity, maxRel: Infinity, wrong }
  }
  const { atol, rtol } = isFloat(expected.dtype) ? toleranceOf(expected.dtype, tolerance) : { atol: 0, rtol: 0 }
  const [readActual, readExpected] = [reader(actual), reader(expected)]
  let [maxAbs, maxRel, signal, noise, count, low, high] = [0, 0, 0, 0, 0, Infinity, -Infinity]
  let wrong: string | undefined
  for (let i = 0; i < expected.data.length; i++) {
    const [x, y] = [readActual(i), readExpected(i)]
    const b = Number(y)
    // 64-bit integers are subtracted as such: as numbers they might look equal.
    const difference = typeof x === 'bigint' && typeof y === 'bigint' ? Number(x - y) : Number(x) - b
    const same = x === y || (x !== x && y !== y)
    const abs = same ? 0 : Number.isNaN(difference) ? Infinity : Math.abs(difference)
    maxAbs = Math.max(maxAbs, abs)
    if (Math.abs(b) > atol) maxRel = Math.max(maxRel, abs === 0 ? 0 : abs / Math.abs(b))
    if (Number.isFinite(b) && Number.isFinite(abs)) {
      signal += b * b
      noise += abs * abs
      count++
      low = Math.min(low, b)
      high = Math.max(high, b)
    }
    // An infinite b would make the tolerance infinite.
    if (!same && !(Number.isFinite(b) && abs <= atol + rtol * Math.abs(b))) {
      wrong ??= `${x} at [${position(i, expected.shape)}], expected ${y}`
    }
  }
  return { maxAbs, maxRel, signal, noise, count, low, high, ...agreement(actual, expected), wrong }
}

function position(offset: number, shape: readonly number[]): string {
  let rest = offset
  return shape
    .toReversed()
    .map((d) => {
      const at = rest % d
      rest = (rest - at) / d
      return at
    })
    .reverse()
    .join(',')
}

function agreement(actual: Tensor, expected: Tensor): { rows: number; agreeing: number } {
  const width = expected.shape.at(-1) ?? 1
  if (width < 2) return { rows: 0, agreeing: 0 }
  const rows = expected.data.length / width
  const readers = [reader(actual), reader(expected)]
  let agreeing = 0
  for (let row = 0; row < rows; row++) {
    const [a, b] = readers.map((read) => {
      let best = 0
      for (let i = 1; i < width; i++) if (read(row * width + i) > read(row * width + best)) best = i
      return best
    })
    if (a === b) agreeing++
  }
  return { rows, agreeing }
}

/** The comparison of everything that `a` and `b` compare. */
export const merge = (a: Comparison, b: Comparison): Comparison => ({
  maxAbs: Math.max(a.maxAbs, b.maxAbs),
  maxRel: Math.max(a.maxRel, b.maxRel),
  signal: a.signal + b.signal,
  noise: a.noise + b.noise,
  count: a.count + b.count,
  low: Math.min(a.low, b.low),
  high: Math.max(a.high, b.high),
  rows: a.rows + b.rows,
  agreeing: a.agreeing + b.agreeing,
  wrong: a.wrong ?? b.wrong,
})

/** Signal to quantization noise in decibels; infinite where nothing differs. */
export const sqnrDb = ({ signal, noise }: Comparison): number =>
  noise === 0 ? Infinity : 10 * Math.log10(signal / noise)

/** What is stored in 8 bits is in as many steps over its range. */
const steps = 255

/** The error (root mean square) of values in steps of 1/255 of the range of the expected ones, which takes in 0. */
export const errorInSteps = ({ noise, count, low, high }: Comparison): number =>
  noise === 0 ? 0 : (Math.sqrt(noise / count) / (Math.max(0, high) - Math.min(0, low))) * steps
