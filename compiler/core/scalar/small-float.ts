/**
 * Floats of 8 and 4 bits as expressions over f32 arithmetic and bits: whoever reads or makes them, evaluator, scalar and vector
 * code, computes the same. Formats: Open Compute Project, "OCP 8-bit Floating Point Specification" (e4m3fn, e5m2) and
 * "Microscaling Formats" (e8m0, e2m1); Noune et al. 2022 (fnuz). Conversion: ONNX, operator Cast.
 */
import { isSmallFloat, type DType, type SmallFloat } from './dtype.ts'
import { bitcast, constant, convert, type Expr } from './expr.ts'
import * as f from './formula.ts'

/** How values beyond a format's range are brought into it. */
export interface Narrowing {
  /** To the greatest finite value (default), or else to infinity or NaN. Formats without either always saturate. */
  readonly saturate?: boolean
  /** Of f8e8m0 alone, whose values are powers of two. The others round half to even. */
  readonly rounding?: 'up' | 'down' | 'nearest'
}

interface Format {
  readonly mantissa: number
  readonly bias: number
  /** The sign's bit. */
  readonly sign: number
  readonly greatest: number
  /** Bits of the greatest value, of what stands for values beyond it, and of NaN. */
  readonly greatestBits: number
  readonly beyondBits: number
  readonly nanBits: number
  /** Bits of infinity where there is one. */
  readonly infinityBits?: number
  /** No -0: its bits are those of NaN. */
  readonly unsignedZero: boolean
}

const formats: Readonly<Record<Exclude<SmallFloat, 'f8e8m0'>, Format>> = {
  f8e4m3fn: {
    ...{ mantissa: 3, bias: 7, sign: 0x80, greatest: 448, greatestBits: 0x7e, beyondBits: 0x7f, nanBits: 0x7f },
    unsignedZero: false,
  },
  f8e4m3fnuz: {
    ...{ mantissa: 3, bias: 8, sign: 0x80, greatest: 240, greatestBits: 0x7f, beyondBits: 0x80, nanBits: 0x80 },
    unsignedZero: true,
  },
  f8e5m2: {
    ...{ mantissa: 2, bias: 15, sign: 0x80, greatest: 57344, greatestBits: 0x7b, beyondBits: 0x7c, nanBits: 0x7f },
    infinityBits: 0x7c,
    unsignedZero: false,
  },
  f8e5m2fnuz: {
    ...{ mantissa: 2, bias: 16, sign: 0x80, greatest: 57344, greatestBits: 0x7f, beyondBits: 0x80, nanBits: 0x80 },
    unsignedZero: true,
  },
  // Without NaN: -0 stands for it, as in the reference's conversion.
  f4e2m1: {
    ...{ mantissa: 1, bias: 1, sign: 0x8, greatest: 6, greatestBits: 0x7, beyondBits: 0x7, nanBits: 0x8 },
    unsignedZero: false,
  },
}

const nan = constant(NaN, 'f32')
/** Bits of an f32's exponent. */
const exponentMask = 0x7f800000

/** f32 of `x`, which is of a small float's dtype. */
export function widened(x: Expr): Expr {
  const bits = convert(bitcast(x, 'u8'), 'i32')
  if (x.dtype === 'f8e8m0') {
    // 2^-127 is below f32's normal numbers.
    const power = bitcast(f.mul(bits, 2 ** 23), 'f32')
    return f.select(f.eq(bits, 0xff), nan, f.select(f.eq(bits, 0), 2 ** -127, power))
  }
  const { mantissa, bias, sign, nanBits, infinityBits, unsignedZero } = formats[x.dtype as keyof typeof formats]
  const magnitude = f.and(bits, sign - 1)
  // The product moves the exponent's bias and makes subnormal numbers normal.
  const size = f.mul(bitcast(f.mul(magnitude, 2 ** (23 - mantissa)), 'f32'), 2 ** (127 - bias))
  const known = infinityBits === undefined ? size : f.select(f.eq(magnitude, infinityBits), Infinity, size)
  const value = f.select(f.eq(f.and(bits, sign), 0), known, f.neg(known))
  if (unsignedZero) return f.select(f.eq(bits, nanBits), nan, value)
  return nanBits === sign ? value : f.select(f.gt(magnitude, infinityBits ?? nanBits - 1), nan, value)
}

/** `x`, which is f32, as a small float of `dtype`. */
export function narrowed(x: Expr, dtype: SmallFloat, narrowing: Narrowing = {}): Expr {
  const bits = dtype === 'f8e8m0' ? powerBits(x, narrowing) : floatBits(x, formats[dtype], narrowing.saturate ?? true)
  return bitcast(convert(bits, 'u8'), dtype)
}

function floatBits(x: Expr, format: Format, saturate: boolean): Expr {
  const { mantissa, bias, sign, greatest, greatestBits, beyondBits, nanBits, unsignedZero } = format
  // Anything beyond the range will do for infinity, which the arithmetic could not take.
  const size = f.min(f.abs(x), 4 * greatest)
  const power = bitcast(f.and(bitcast(size, 'i32'), exponentMask), 'f32')
  const unit = f.mul(f.max(power, 2 ** (1 - bias)), 2 ** -mantissa)
  const rounded = f.mul(f.round(f.div(size, unit)), unit)
  // A shift to the right, of bits that are few enough for f32.
  const wide = convert(bitcast(f.mul(rounded, 2 ** (bias - 127)), 'i32'), 'f32')
  const narrow = convert(f.mul(wide, 2 ** (mantissa - 23)), 'i32')
  const beyond = saturate ? greatestBits : beyondBits
  const magnitude = f.select(f.gt(rounded, greatest), constant(beyond, 'i32'), narrow)
  const negative = f.lt(bitcast(x, 'i32'), 0)
  const signed = unsignedZero ? f.and(negative, f.gt(rounded, 0)) : negative
  const result = f.select(signed, f.or(magnitude, sign), magnitude)
  return f.select(f.ne(x, x), constant(nanBits, 'i32'), result)
}

/** Bits of the power of two next to the magnitude of `x`. NaN and infinity are NaN. */
function powerBits(x: Expr, { rounding = 'up', saturate = true }: Narrowing): Expr {
  const all = f.and(bitcast(x, 'i32'), 0x7fffffff)
  const fraction = f.and(all, 0x7fffff)
  const exponent = convert(f.mul(convert(f.sub(all, fraction), 'f32'), 2 ** -23), 'i32')
  const subnormal = f.eq(exponent, 0)
  const half = 0x400000
  const up = {
    up: f.gt(fraction, 0),
    down: constant(false, 'bool'),
    // Of 2^-127 and 2^-126 the lower is taken at half the way.
    nearest: f.gt(fraction, f.select(subnormal, constant(half, 'i32'), half - 1)),
  }[rounding]
  const next = f.add(exponent, convert(up, 'i32'))
  const bounded = saturate ? f.min(next, 0xfe) : next
  return f.select(f.ge(all, exponentMask), constant(0xff, 'i32'), bounded)
}

/** `x` as another dtype, whichever two they are: by way of f32 where one is a small float. */
export function conversion(x: Expr, dtype: DType, narrowing?: Narrowing): Expr {
  if (x.dtype === dtype) return x
  const wide = isSmallFloat(x.dtype) ? widened(x) : x
  return isSmallFloat(dtype) ? narrowed(convert(wide, 'f32'), dtype, narrowing) : convert(wide, dtype)
}
