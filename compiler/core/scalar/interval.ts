import { integerRange, isBigInt, isFloat, isSmallFloat, type DType, type Scalar } from './dtype.ts'
import { parts, type BinaryOp, type Expr, type UnaryOp } from './expr.ts'
import { binaryScalar, normalize, unaryScalar } from './scalar.ts'

/**
 * What is known of a scalar: it lies in [low, high], ends included. A float that is not `finite` may be ±∞ or NaN too, and
 * its ends say nothing. Ends of ±∞ of one that is finite mean that it has none.
 */
export interface Interval {
  readonly low: number
  readonly high: number
  readonly finite: boolean
}

/** Integers beyond are not told apart by doubles. */
const largestExact = 2 ** 53

export const unknown: Interval = { low: -Infinity, high: Infinity, finite: false }
export const anyFinite: Interval = { low: -Infinity, high: Infinity, finite: true }

export const exactly = (value: number): Interval =>
  Number.isFinite(value) ? { low: value, high: value, finite: true } : unknown

/** All that a scalar of the type can be: of integers its range. */
export function rangeOf(dtype: DType): Interval {
  if (isFloat(dtype)) return unknown
  const { min, max } = integerRange(dtype)
  return { low: Number(min), high: Number(max), finite: true }
}

/** The one value that it is; −0 and 0 count as one. */
export const singleValue = ({ low, high, finite }: Interval): number | undefined =>
  finite && low === high ? low : undefined

export const hull = (a: Interval, b: Interval): Interval => ({
  low: Math.min(a.low, b.low),
  high: Math.max(a.high, b.high),
  finite: a.finite && b.finite,
})

/** What both allow. */
export const meet = (a: Interval, b: Interval): Interval => {
  if (!a.finite) return b
  return b.finite ? { low: Math.max(a.low, b.low), high: Math.min(a.high, b.high), finite: true } : a
}

/** Ends that an exact result of integers has, unless they do not fit: then it may have wrapped. */
function whole(dtype: DType, low: number, high: number): Interval {
  const range = rangeOf(dtype)
  const limit = isBigInt(dtype) ? largestExact : Infinity
  const fits = low >= Math.max(range.low, -limit) && high <= Math.min(range.high, limit)
  return fits ? { low, high, finite: true } : range
}

/** Ends of a rounded float, whose sum or product is taken not to overflow. */
function rounded(dtype: DType, low: number, high: number): Interval {
  const [from, to] = [Number(normalize(dtype, low)), Number(normalize(dtype, high))]
  return from < Infinity && to > -Infinity ? { low: from, high: to, finite: true } : anyFinite
}

const ends = (dtype: DType, low: number, high: number): Interval =>
  isFloat(dtype) ? rounded(dtype, low, high) : whole(dtype, low, high)

/** 0 · ∞ is 0 here: an end of ∞ only means that there is none. */
const times = (a: number, b: number): number => (a === 0 || b === 0 ? 0 : a * b)

function product(dtype: DType, a: Interval, b: Interval): Interval {
  const all = [times(a.low, b.low), times(a.low, b.high), times(a.high, b.low), times(a.high, b.high)]
  return ends(dtype, Math.min(...all), Math.max(...all))
}

function quotient(dtype: DType, a: Interval, b: Interval): Interval {
  if (!isFloat(dtype)) return rangeOf(dtype)
  if (b.low <= 0 && b.high >= 0) return unknown
  const all = [a.low / b.low, a.low / b.high, a.high / b.low, a.high / b.high]
  return ends(dtype, Math.min(...all), Math.max(...all))
}

/** Of booleans: both, or the one it always is. */
const flag = (always: boolean, never: boolean): Interval => ({ low: always ? 1 : 0, high: never ? 0 : 1, finite: true })

function comparison(op: BinaryOp, a: Interval, b: Interval): Interval {
  switch (op) {
    case 'lt':
      return flag(a.high < b.low, a.low >= b.high)
    case 'le':
      return flag(a.high <= b.low, a.low > b.high)
    case 'gt':
      return flag(a.low > b.high, a.high <= b.low)
    case 'ge':
      return flag(a.low >= b.high, a.high < b.low)
    case 'eq':
      return flag(a.low === a.high && a.low === b.low && b.low === b.high, a.high < b.low || b.high < a.low)
    default:
      return flag(a.high < b.low || b.high < a.low, a.low === a.high && a.low === b.low && b.low === b.high)
  }
}

function binaryInterval(op: BinaryOp, dtype: DType, a: Interval, b: Interval): Interval {
  const isComparison = ['lt', 'le', 'gt', 'ge', 'eq', 'ne'].includes(op)
  if (!a.finite || !b.finite) return isComparison ? rangeOf('bool') : rangeOf(dtype)
  if (isComparison) return comparison(op, a, b)
  switch (op) {
    case 'add':
      return ends(dtype, a.low + b.low, a.high + b.high)
    case 'sub':
      return ends(dtype, a.low - b.high, a.high - b.low)
    case 'mul':
      return product(dtype, a, b)
    case 'div':
      return quotient(dtype, a, b)
    case 'max':
      return { low: Math.max(a.low, b.low), high: Math.max(a.high, b.high), finite: true }
    case 'min':
      return { low: Math.min(a.low, b.low), high: Math.min(a.high, b.high), finite: true }
    default: {
      const [x, y] = [singleValue(a), singleValue(b)]
      if (op === 'and' && (x === 0 || y === 0)) return exactly(0)
      if (x === undefined || y === undefined || isBigInt(dtype)) return rangeOf(dtype)
      return exactly(Number(binaryScalar(op, dtype)(x, y)))
    }
  }
}

/** Functions that never fall; what they give at the ends of a float's interval are the ends of theirs. */
const rising: readonly UnaryOp[] = ['ceil', 'floor', 'trunc', 'round', 'round_straight_through']
/** Bounds of functions that no f32 leaves. */
const bounded: Partial<Record<UnaryOp, readonly [number, number]>> = {
  sin: [-1.001, 1.001],
  cos: [-1.001, 1.001],
  tanh: [-1.001, 1.001],
  erf: [-1.001, 1.001],
  atan: [-1.6, 1.6],
}

function unaryInterval(op: UnaryOp, dtype: DType, x: Interval): Interval {
  if (!x.finite) return rangeOf(dtype)
  const value = singleValue(x)
  if (value !== undefined && !isBigInt(dtype)) return exactly(Number(unaryScalar(op, dtype)(value)))
  if (op === 'neg') return ends(dtype, -x.high, -x.low)
  if (op === 'abs') {
    const low = x.low > 0 ? x.low : x.high < 0 ? -x.high : 0
    return ends(dtype, low, Math.max(-x.low, x.high))
  }
  if (rising.includes(op)) {
    const apply = (end: number): number => (Number.isFinite(end) ? Number(unaryScalar(op, dtype)(end)) : end)
    return { low: apply(x.low), high: apply(x.high), finite: true }
  }
  if (op === 'sqrt' && x.low >= 0) return rounded(dtype, Math.sqrt(x.low), Math.sqrt(x.high))
  if (op === 'exp') return { low: 0, high: x.high < 80 ? Math.fround(unaryEnd(x.high)) : Infinity, finite: x.high < 80 }
  const range = bounded[op]
  return range ? { low: range[0], high: range[1], finite: true } : rangeOf(dtype)
}

/** Above e^x as any kernel computes it. */
const unaryEnd = (x: number): number => Number(unaryScalar('exp', 'f64')(x)) * 1.001

function convertInterval(from: DType, to: DType, x: Interval): Interval {
  if (to === 'bool') return x.finite ? flag(x.low > 0 || x.high < 0, x.low === 0 && x.high === 0) : rangeOf(to)
  if (!x.finite) return rangeOf(to)
  if (isFloat(to)) return rounded(to, x.low, x.high)
  if (!isFloat(from)) return whole(to, x.low, x.high)
  const [low, high] = [Math.trunc(x.low), Math.trunc(x.high)]
  if (to === 'i32') {
    const { low: least, high: most } = rangeOf(to)
    const saturated = (end: number): number => Math.min(most, Math.max(least, end))
    return { low: saturated(low), high: saturated(high), finite: true }
  }
  return whole(to, low, high)
}

/**
 * The interval of an expression from those of its arguments, in the arithmetic of `Expr`: rounding keeps the order of numbers, so
 * that ends are computed like any value, and an interval of one value is what the expression gives. Sums and products of
 * finite floats are taken to be finite.
 */
export function intervalOf(e: Expr): (args: readonly Interval[]) => Interval {
  const order = parts(e)
  const place = new Map(order.map((part, i) => [part, i]))
  return (args) => {
    const known: Interval[] = []
    const of = (x: Expr): Interval => known[place.get(x)!]!
    for (const x of order) known.push(partInterval(x, of, args))
    return known[known.length - 1]!
  }
}

function partInterval(x: Expr, of: (x: Expr) => Interval, args: readonly Interval[]): Interval {
  // Their scalars are bits.
  if (isSmallFloat(x.dtype)) return unknown
  switch (x.kind) {
    case 'arg':
      return args[x.index]!
    case 'const':
      return exactNumber(x.dtype, x.value)
    case 'unary':
      return unaryInterval(x.op, x.dtype, of(x.x))
    case 'binary':
      return binaryInterval(x.op, x.a.dtype, of(x.a), of(x.b))
    case 'select': {
      const chosen = singleValue(of(x.cond))
      return chosen === undefined ? hull(of(x.a), of(x.b)) : of(chosen ? x.a : x.b)
    }
    case 'convert':
      return convertInterval(x.x.dtype, x.dtype, of(x.x))
    case 'bitcast':
      return rangeOf(x.dtype)
  }
}

export const exactNumber = (dtype: DType, value: Scalar): Interval =>
  Math.abs(Number(value)) > largestExact && isBigInt(dtype) ? rangeOf(dtype) : exactly(Number(value))
