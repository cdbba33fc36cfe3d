import { bitSize, byteSize, isInteger, isSigned, type DType, type Scalar } from '../core/scalar/dtype.ts'
import type { BinaryOp, Expr, UnaryOp } from '../core/scalar/expr.ts'
import type { TemplateName } from '../schedule/templates.generated.ts'
import { lanes } from '../schedule/kernels/vectorizable.ts'
import { memoryName, type Code, type FunctionBuilder } from './machine.ts'
import { bitsOf, emitShared, isMathFunction } from './scalar.ts'

const isSignedInteger = (dtype: DType): boolean => isInteger(dtype) && isSigned(dtype)
const isMask = (dtype: DType): boolean => dtype === 'bool'

export function splatCode(f: FunctionBuilder, value: Scalar, dtype: DType): Code {
  const { m } = f
  if (dtype === 'f32') return m.f32x4.splat(m.f32.const(Number(value)))
  const lane = isMask(dtype) ? (value ? -1 : 0) : bitsOf(value, dtype)
  return m.i32x4.splat(m.i32.const(lane))
}

/** A scalar in its own representation (bool 0 or 1) spread over the lanes. */
export function splatScalar(f: FunctionBuilder, value: Code, dtype: DType): Code {
  const { m } = f
  if (dtype === 'f32') return m.f32x4.splat(value)
  return m.i32x4.splat(isMask(dtype) ? m.i32.sub(m.i32.const(0), value) : value)
}

const toMask = (f: FunctionBuilder, v: Code): Code => f.m.i32x4.ne(v, f.m.i32x4.splat(f.m.i32.const(0)))

/** Loads `count` neighbouring elements; may read up to 16 bytes whatever the count. */
export function loadContiguous(f: FunctionBuilder, dtype: DType, pointer: Code, offset = 0): Code {
  const { m } = f
  const signed = isSignedInteger(dtype)
  switch (byteSize(dtype)) {
    case 1: {
      const bytes = m.v128.load32_zero(offset, 1, pointer, memoryName)
      const half = signed ? m.i16x8.extend_low_i8x16_s(bytes) : m.i16x8.extend_low_i8x16_u(bytes)
      const wide = signed ? m.i32x4.extend_low_i16x8_s(half) : m.i32x4.extend_low_i16x8_u(half)
      return isMask(dtype) ? toMask(f, wide) : wide
    }
    case 2:
      return signed
        ? m.v128.load16x4_s(offset, 2, pointer, memoryName)
        : m.v128.load16x4_u(offset, 2, pointer, memoryName)
    default:
      return m.v128.load(offset, 4, pointer, memoryName)
  }
}

/** Loads one element for each of `count` addresses into the lanes; the others hold the first. */
export function loadLanes(
  f: FunctionBuilder,
  dtype: DType,
  count: number,
  address: (lane: number) => [Code, number],
): Code {
  const { m } = f
  const [first, firstOffset] = address(0)
  if (byteSize(dtype) === 4) {
    let v = m.v128.load32_splat(firstOffset, 4, first, memoryName)
    for (let i = 1; i < count; i++) {
      const [pointer, offset] = address(i)
      v = m.v128.load32_lane(offset, 4, i, pointer, v, memoryName)
    }
    return v
  }
  let v = m.i32x4.splat(f.loadScalar(dtype, first, firstOffset))
  for (let i = 1; i < count; i++) {
    const [pointer, offset] = address(i)
    v = m.i32x4.replace_lane(v, i, f.loadScalar(dtype, pointer, offset))
  }
  return isMask(dtype) ? toMask(f, v) : v
}

const firstBytes = [0, 4, 8, 12, 0, 4, 8, 12, 0, 4, 8, 12, 0, 4, 8, 12]
const firstHalves = [0, 1, 4, 5, 8, 9, 12, 13, 0, 1, 4, 5, 8, 9, 12, 13]

/** Lanes as they stand in memory: bool as 0 or 1. */
const toMemory = (f: FunctionBuilder, dtype: DType, v: Code): Code =>
  isMask(dtype) ? f.m.v128.and(v, f.m.i32x4.splat(f.m.i32.const(1))) : v

/** Stores the first `count` lanes; `stride` is the distance of elements in bytes. */
export function storeVector(
  f: FunctionBuilder,
  dtype: DType,
  pointer: () => Code,
  value: Code,
  count: number,
  stride: number,
  place = 0,
): Code[] {
  const { m } = f
  const bytes = byteSize(dtype)
  const from = place * stride
  const v = toMemory(f, dtype, value)
  if (count === lanes && stride === bytes) {
    if (bytes === 4) return [m.v128.store(from, 4, pointer(), v, memoryName)]
    const local = f.newLocal('v128')
    const packed = m.i8x16.shuffle(f.get(local), f.get(local), bytes === 1 ? firstBytes : firstHalves)
    const store =
      bytes === 1
        ? m.v128.store32_lane(from, 1, 0, pointer(), packed, memoryName)
        : m.v128.store64_lane(from, 2, 0, pointer(), packed, memoryName)
    return [f.set(local, v), store]
  }
  const local = f.newLocal('v128')
  const store = (lane: number): Code => {
    const at = from + lane * stride
    switch (bytes) {
      case 1:
        return m.v128.store8_lane(at, 1, lane * 4, pointer(), f.get(local), memoryName)
      case 2:
        return m.v128.store16_lane(at, 2, lane * 2, pointer(), f.get(local), memoryName)
      default:
        return m.v128.store32_lane(at, 4, lane, pointer(), f.get(local), memoryName)
    }
  }
  return [f.set(local, v), ...Array.from({ length: count }, (_, lane) => store(lane))]
}

const none: ReadonlySet<number> = new Set()

type Bound = Extract<Expr, { kind: 'arg' | 'const' }>

/** The operand of an f32 max or min that is a number for which `clampVector` has code. */
function boundOf({ op, a, b }: Extract<Expr, { kind: 'binary' }>, numbers: ReadonlySet<number>): Bound | undefined {
  if ((op !== 'max' && op !== 'min') || a.dtype !== 'f32') return undefined
  return [a, b].find(
    (e): e is Bound =>
      (e.kind === 'arg' && numbers.has(e.index)) ||
      (e.kind === 'const' && !Number.isNaN(e.value) && (e.value !== 0 || (op === 'max' && Object.is(e.value, 0)))),
  )
}

/** Whether `e` is one of `sums`, or one of them and something else. */
const isSum = (e: Expr, sums: ReadonlySet<number>): boolean =>
  e.kind === 'arg' ? sums.has(e.index) : e.kind === 'binary' && e.op === 'add' && (isSum(e.a, sums) || isSum(e.b, sums))

/** What a place of vector code has to offer. */
export interface VectorSite {
  /** A constant in all lanes, hoisted where the place can. */
  readonly constant?: (value: Scalar, dtype: DType) => Code
  /** Arguments known to be neither NaN nor zero. */
  readonly numbers?: ReadonlySet<number>
  /** Arguments known to be sums of products and a number that is not -0: if zero they are +0, but where a product underflows. */
  readonly sums?: ReadonlySet<number>
  /** Code of a mathematical function, where it is not to be called. */
  readonly math?: (template: TemplateName, args: readonly Code[]) => Code | undefined
}

/** Vector code of `e`; `argument` gives each argument's lanes. */
export function emitVector(
  f: FunctionBuilder,
  e: Expr,
  argument: (index: number) => Code,
  site: VectorSite = {},
): { statements: Code[]; value: Code } {
  return emitShared(
    f,
    e,
    () => 'v128',
    (part, operand) => {
      switch (part.kind) {
        case 'arg':
          return argument(part.index)
        case 'const':
          return site.constant?.(part.value, part.dtype) ?? splatCode(f, part.value, part.dtype)
        case 'unary':
          return unaryVector(f, site, part.op, part.dtype, operand(part.x))
        case 'convert':
          return convertVector(f, site, operand(part.x), part.x.dtype, part.dtype)
        case 'bitcast':
          return wrapLanes(f, part.dtype, operand(part.x))
        case 'binary': {
          const { op, a, b } = part
          const bound = boundOf(part, site.numbers ?? none)
          if (bound) {
            const x = bound === a ? b : a
            return clampVector(f, op as 'max' | 'min', operand(x), bound, operand(bound), isSum(x, site.sums ?? none))
          }
          if (op === 'pow') return mathVector(f, site, 'f32x4_pow', [operand(a), operand(b)])
          return binaryVector(f, op, a.dtype, operand(a), operand(b))
        }
        case 'select':
          return f.m.v128.bitselect(operand(part.a), operand(part.b), operand(part.cond))
      }
    },
  )
}

/**
 * f32 max and min of `x` and a number as one or two instructions: what f32x4.max does for NaN and for zeros of either
 * sign takes nine on x86, and little of it can matter here. `positive` says that `x` is not -0.
 */
function clampVector(
  f: FunctionBuilder,
  op: 'max' | 'min',
  x: Code,
  bound: Bound,
  boundCode: Code,
  positive: boolean,
): Code {
  const { m } = f
  if (positive || bound.kind === 'arg' || bound.value !== 0)
    return op === 'max' ? m.f32x4.pmax(x, boundCode) : m.f32x4.pmin(x, boundCode)
  // max(x, 0): no number up to zero, of either sign, stays; NaN does.
  const local = f.newLocal('v128')
  const low = m.f32x4.le(f.get(local), boundCode)
  return m.block(null, [f.set(local, x), m.v128.andnot(f.get(local), low)], f.type('v128'))
}

function wrapLanes(f: FunctionBuilder, dtype: DType, v: Code): Code {
  const { m } = f
  const bits = 32 - bitSize(dtype)
  if (bits === 0 || isMask(dtype)) return v
  if (!isSignedInteger(dtype)) return m.v128.and(v, m.i32x4.splat(m.i32.const(2 ** (32 - bits) - 1)))
  return m.i32x4.shr_s(m.i32x4.shl(v, m.i32.const(bits)), m.i32.const(bits))
}

const mathVector = (f: FunctionBuilder, site: VectorSite, template: TemplateName, args: readonly Code[]): Code =>
  site.math?.(template, args) ?? f.m.call(f.link(template), [...args], f.type('v128'))

function unaryVector(f: FunctionBuilder, site: VectorSite, op: UnaryOp, dtype: DType, x: Code): Code {
  const { m } = f
  if (isMathFunction(op)) return mathVector(f, site, `f32x4_${op}`, [x])
  if (dtype === 'f32') {
    switch (op) {
      case 'neg':
        return m.f32x4.neg(x)
      case 'abs':
        return m.f32x4.abs(x)
      case 'ceil':
        return m.f32x4.ceil(x)
      case 'floor':
        return m.f32x4.floor(x)
      case 'trunc':
        return m.f32x4.trunc(x)
      case 'round':
      case 'round_straight_through':
        return m.f32x4.nearest(x)
      case 'sqrt':
        return m.f32x4.sqrt(x)
      default:
        throw new TypeError(`${op} of f32`)
    }
  }
  switch (op) {
    case 'neg':
      return wrapLanes(f, dtype, m.i32x4.neg(x))
    case 'abs':
      return isSigned(dtype) ? wrapLanes(f, dtype, m.i32x4.abs(x)) : x
    case 'not':
      return wrapLanes(f, dtype, m.v128.not(x))
    default:
      throw new TypeError(`${op} of ${dtype}`)
  }
}

export function binaryVector(f: FunctionBuilder, op: BinaryOp, dtype: DType, a: Code, b: Code): Code {
  const { m } = f
  if (dtype === 'f32') {
    switch (op) {
      case 'add':
      case 'sub':
      case 'mul':
      case 'div':
      case 'max':
      case 'min':
      case 'eq':
      case 'ne':
      case 'lt':
      case 'le':
      case 'gt':
      case 'ge':
        return m.f32x4[op](a, b)
      default:
        throw new TypeError(`${op} of f32`)
    }
  }
  if (isMask(dtype)) return maskBinary(f, op, a, b)
  const signed = isSigned(dtype)
  switch (op) {
    case 'add':
      return wrapLanes(f, dtype, m.i32x4.add(a, b))
    case 'sub':
      return wrapLanes(f, dtype, m.i32x4.sub(a, b))
    case 'mul':
      return wrapLanes(f, dtype, m.i32x4.mul(a, b))
    case 'max':
      return signed ? m.i32x4.max_s(a, b) : m.i32x4.max_u(a, b)
    case 'min':
      return signed ? m.i32x4.min_s(a, b) : m.i32x4.min_u(a, b)
    case 'and':
      return m.v128.and(a, b)
    case 'or':
      return m.v128.or(a, b)
    case 'xor':
      return m.v128.xor(a, b)
    case 'eq':
      return m.i32x4.eq(a, b)
    case 'ne':
      return m.i32x4.ne(a, b)
    case 'lt':
      return signed ? m.i32x4.lt_s(a, b) : m.i32x4.lt_u(a, b)
    case 'le':
      return signed ? m.i32x4.le_s(a, b) : m.i32x4.le_u(a, b)
    case 'gt':
      return signed ? m.i32x4.gt_s(a, b) : m.i32x4.gt_u(a, b)
    case 'ge':
      return signed ? m.i32x4.ge_s(a, b) : m.i32x4.ge_u(a, b)
    default:
      throw new TypeError(`${op} of ${dtype}`)
  }
}

/** bool lanes are -1 and 0, so that comparisons turn round: true is the lower lane. */
function maskBinary(f: FunctionBuilder, op: BinaryOp, a: Code, b: Code): Code {
  const { m } = f
  switch (op) {
    case 'and':
    case 'min':
      return m.v128.and(a, b)
    case 'or':
    case 'max':
      return m.v128.or(a, b)
    case 'xor':
    case 'ne':
      return m.v128.xor(a, b)
    case 'eq':
      return m.i32x4.eq(a, b)
    case 'lt':
      return m.i32x4.gt_s(a, b)
    case 'le':
      return m.i32x4.ge_s(a, b)
    case 'gt':
      return m.i32x4.lt_s(a, b)
    case 'ge':
      return m.i32x4.le_s(a, b)
    default:
      throw new TypeError(`${op} of bool`)
  }
}

function convertVector(f: FunctionBuilder, site: VectorSite, x: Code, from: DType, to: DType): Code {
  const { m } = f
  const again = (v: Code, middle: DType, target: DType): Code => convertVector(f, site, v, middle, target)
  if (from === 'f16') return again(mathVector(f, site, 'f32x4_from_f16', [x]), 'f32', to)
  if (from === 'bf16') return again(m.i32x4.shl(x, m.i32.const(16)), 'f32', to)
  if (to === 'f16') return mathVector(f, site, 'f32x4_to_f16', [again(x, from, 'f32')])
  if (to === 'bf16') return mathVector(f, site, 'f32x4_to_bf16', [again(x, from, 'f32')])
  const one = (): Code => (to === 'f32' ? m.f32x4.splat(m.f32.const(1)) : m.i32x4.splat(m.i32.const(1)))
  if (isMask(from)) return isMask(to) ? x : m.v128.and(x, one())
  if (isMask(to)) return from === 'f32' ? m.f32x4.ne(x, m.f32x4.splat(m.f32.const(0))) : toMask(f, x)
  if (from === 'f32') return to === 'f32' ? x : wrapLanes(f, to, m.i32x4.trunc_sat_f32x4_s(x))
  if (to === 'f32') return isSigned(from) ? m.f32x4.convert_i32x4_s(x) : m.f32x4.convert_i32x4_u(x)
  return wrapLanes(f, to, x)
}
