import { OperandError } from '../diagnostics/diagnostic.ts'
import {
  allocate,
  bitSize,
  byteSize,
  fromBytes,
  integerRange,
  isBigInt,
  isFloat,
  type DType,
  type Scalar,
} from './dtype.ts'
import { foldExpr, type BinaryOp, type CompareOp, type Expr, type UnaryOp } from './expr.ts'
import { fromBfloat16, fromHalf, roundHalfEven, toBfloat16, toHalf } from './half.ts'
import * as math from '../math/index.ts'

/** A number congruent to `value` modulo 2^32: a bigint may be too large for a double. */
const lowBits = (value: Scalar): number => (typeof value === 'bigint' ? Number(BigInt.asIntN(32, value)) : value)

/** Brings an exact result into `dtype`: integers wrap, floats round to the format. */
export function normalize(dtype: DType, value: Scalar): Scalar {
  switch (dtype) {
    case 'bool':
      return value ? 1 : 0
    case 'i2':
    case 'i4':
    case 'i8':
    case 'i16':
    case 'i32': {
      const unused = 32 - bitSize(dtype)
      return (lowBits(value) << unused) >> unused
    }
    case 'i64':
      return BigInt.asIntN(64, BigInt(value))
    case 'u64':
      return BigInt.asUintN(64, BigInt(value))
    case 'f16':
      return fromHalf(toHalf(Number(value)))
    case 'bf16':
      return fromBfloat16(toBfloat16(Number(value)))
    case 'f32':
      return Math.fround(Number(value))
    case 'f64':
      return Number(value)
    default: {
      const unused = 32 - bitSize(dtype)
      return (lowBits(value) << unused) >>> unused
    }
  }
}

function saturate(value: number, dtype: DType): bigint {
  if (Number.isNaN(value)) return 0n
  const { min, max } = integerRange(dtype)
  const whole = Math.trunc(value)
  if (whole <= Number(min)) return min
  return whole >= Number(max) ? max : BigInt(whole)
}

/** The value of `x`, a scalar of dtype `from`, in dtype `to`; the rule is at `Expr`. */
export function convertScalar(x: Scalar, from: DType, to: DType): Scalar {
  if (to === 'bool') return Number(x) !== 0 ? 1 : 0
  if (isFloat(to)) return normalize(to, Number(x))
  if (!isFloat(from)) {
    if (isBigInt(to)) return normalize(to, BigInt(x))
    return normalize(to, typeof x === 'bigint' ? Number(BigInt.asIntN(32, x)) : x)
  }
  if (isBigInt(to)) return saturate(x as number, to)
  // u32 goes by way of i64, as a C cast does on 64-bit machines; the narrow types by way of i32.
  const wide = saturate(x as number, to === 'u32' ? 'i64' : 'i32')
  return normalize(to, Number(BigInt.asIntN(32, wide)))
}

/** The function that takes a scalar of dtype `from` to the one of dtype `to` with the same bits; the rule is at `Expr`. */
function bitcastScalar(from: DType, to: DType): (x: Scalar) => Scalar {
  const isHalf = (dtype: DType): boolean => dtype === 'f16' || dtype === 'bf16'
  const bits = (dtype: DType): DType => (isHalf(dtype) ? 'u16' : dtype)
  const written = allocate(bits(from), 1) as { [i: number]: Scalar; readonly buffer: ArrayBufferLike }
  const bytes = new Uint8Array(written.buffer)
  return (x) => {
    written[0] = from === 'f16' ? toHalf(Number(x)) : from === 'bf16' ? toBfloat16(Number(x)) : x
    const result = normalize(bits(to), fromBytes(bits(to), bytes, 1)[0]!)
    return to === 'f16' ? fromHalf(Number(result)) : to === 'bf16' ? fromBfloat16(Number(result)) : result
  }
}

const floatUnary: Record<Exclude<UnaryOp, 'not'>, (x: number) => number> = {
  neg: (x) => -x,
  abs: Math.abs,
  ceil: Math.ceil,
  floor: Math.floor,
  trunc: Math.trunc,
  round: roundHalfEven,
  round_straight_through: roundHalfEven,
  sqrt: Math.sqrt,
  exp: math.exp,
  log: math.log,
  sin: math.sin,
  cos: math.cos,
  tan: math.tan,
  asin: math.asin,
  acos: math.acos,
  atan: math.atan,
  sinh: math.sinh,
  cosh: math.cosh,
  tanh: math.tanh,
  asinh: math.asinh,
  acosh: math.acosh,
  atanh: math.atanh,
  erf: math.erf,
}

export function unaryScalar(op: UnaryOp, dtype: DType): (x: Scalar) => Scalar {
  if (op === 'not') {
    if (dtype === 'bool') return (x) => (x ? 0 : 1)
    return isBigInt(dtype) ? (x) => normalize(dtype, ~(x as bigint)) : (x) => normalize(dtype, ~(x as number))
  }
  if (isFloat(dtype)) {
    const f = floatUnary[op]
    return dtype === 'f64' ? (x) => f(x as number) : (x) => Math.fround(f(x as number))
  }
  if (op === 'neg') return (x) => normalize(dtype, -x)
  return (x) => normalize(dtype, x < 0 ? -x : x)
}

const comparisons: Record<CompareOp, (a: Scalar, b: Scalar) => boolean> = {
  eq: (a, b) => a === b,
  ne: (a, b) => a !== b,
  lt: (a, b) => a < b,
  le: (a, b) => a <= b,
  gt: (a, b) => a > b,
  ge: (a, b) => a >= b,
}

type Arithmetic = Exclude<BinaryOp, CompareOp>

function floatBinary(op: Arithmetic): (a: number, b: number) => number {
  switch (op) {
    case 'add':
      return (a, b) => a + b
    case 'sub':
      return (a, b) => a - b
    case 'mul':
      return (a, b) => a * b
    case 'div':
      return (a, b) => a / b
    case 'rem':
      return (a, b) => a % b
    case 'pow':
      return math.pow
    case 'max':
      return Math.max
    case 'min':
      return Math.min
    default:
      throw new OperandError(`${op} does not take floats`)
  }
}

function bigBinary(op: Arithmetic, bits: bigint): (a: bigint, b: bigint) => bigint {
  switch (op) {
    case 'add':
      return (a, b) => a + b
    case 'sub':
      return (a, b) => a - b
    case 'mul':
      return (a, b) => a * b
    case 'div':
      return (a, b) => (b === 0n ? 0n : a / b)
    case 'rem':
      return (a, b) => (b === 0n ? 0n : a % b)
    case 'max':
      return (a, b) => (a > b ? a : b)
    case 'min':
      return (a, b) => (a < b ? a : b)
    case 'and':
      return (a, b) => a & b
    case 'or':
      return (a, b) => a | b
    case 'xor':
      return (a, b) => a ^ b
    case 'shl':
      return (a, b) => (b < 0n || b >= bits ? 0n : a << b)
    case 'shr':
      return (a, b) => (b < 0n || b >= bits ? 0n : a >> b)
    case 'pow':
      throw new OperandError('pow takes floats')
  }
}

/** Integer arithmetic goes through bigint: slow and exact, as an oracle should be. */
export function binaryScalar(op: BinaryOp, dtype: DType): (a: Scalar, b: Scalar) => Scalar {
  if (op in comparisons) {
    const compare = comparisons[op as CompareOp]
    return (a, b) => (compare(a, b) ? 1 : 0)
  }
  if (isFloat(dtype)) {
    const f = floatBinary(op as Arithmetic)
    return dtype === 'f64' ? (a, b) => f(a as number, b as number) : (a, b) => Math.fround(f(a as number, b as number))
  }
  const f = bigBinary(op as Arithmetic, BigInt(byteSize(dtype) * 8))
  if (isBigInt(dtype)) return (a, b) => normalize(dtype, f(a as bigint, b as bigint))
  return (a, b) => normalize(dtype, Number(BigInt.asIntN(32, f(BigInt(a), BigInt(b)))))
}

/** Turns an expression into a function of its arguments. */
export function compileExpr(e: Expr): (args: readonly Scalar[]) => Scalar {
  const steps: ((args: readonly Scalar[], values: Scalar[]) => Scalar)[] = []
  foldExpr<number>(e, (part, slot) => steps.push(compileStep(part, slot)) - 1)
  const values = new Array<Scalar>(steps.length)
  return (args) => {
    for (let i = 0; i < steps.length; i++) values[i] = steps[i]!(args, values)
    return values[steps.length - 1]!
  }
}

function compileStep(e: Expr, slot: (x: Expr) => number): (args: readonly Scalar[], values: Scalar[]) => Scalar {
  switch (e.kind) {
    case 'arg': {
      const { index } = e
      return (args) => args[index]!
    }
    case 'const': {
      const value = normalize(e.dtype, e.value)
      return () => value
    }
    case 'convert': {
      const x = slot(e.x)
      const { dtype } = e
      const from = e.x.dtype
      return (_, values) => convertScalar(values[x]!, from, dtype)
    }
    case 'bitcast': {
      const x = slot(e.x)
      const f = bitcastScalar(e.x.dtype, e.dtype)
      return (_, values) => f(values[x]!)
    }
    case 'unary': {
      const x = slot(e.x)
      const f = unaryScalar(e.op, e.dtype)
      return (_, values) => f(values[x]!)
    }
    case 'binary': {
      const a = slot(e.a)
      const b = slot(e.b)
      const f = binaryScalar(e.op, e.a.dtype)
      return (_, values) => f(values[a]!, values[b]!)
    }
    case 'select': {
      const cond = slot(e.cond)
      const a = slot(e.a)
      const b = slot(e.b)
      return (_, values) => (values[cond] ? values[a]! : values[b]!)
    }
  }
}
