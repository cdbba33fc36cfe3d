import { boundOf } from '../../core/analysis/bounds.ts'
import { byteSize, integerRange, type DType } from '../../core/scalar/dtype.ts'
import {
  arg,
  binary,
  children,
  constant,
  convert,
  literal,
  parts,
  replaceParts,
  type Expr,
} from '../../core/scalar/expr.ts'
import { constantBytes, type Access, type Post } from '../program/program.ts'
import { isVectorizable } from './vectorizable.ts'

/**
 * Arguments of the expression that fills a `requantize` hole: the four sums, four elements at `aux` or the one there for all
 * channels of a pixel, from `vectors` on the vectors over channels, from `table` on the site's constants.
 */
export const requantizeArguments = { acc: 0, aux: 1, pixel: 2, vectors: 3, table: 16 } as const

const mostVectors = requantizeArguments.table - requantizeArguments.vectors
const mostConstants = 64

/** A post expression of an integer product as its template's hole computes it. */
export interface IntegerEpilogue {
  /** Over `requantizeArguments`. */
  readonly hole: Expr
  /** An i32 vector over the last axis that the sums start from. */
  readonly bias: Access | undefined
  /** Constant vectors over the last axis. */
  readonly vectors: readonly Access[]
  readonly aux: Access | undefined
  /** Constants of the expression, four bytes each. */
  readonly table: readonly { readonly value: number; readonly dtype: DType }[]
}

const isVector = (a: Access, extent: number): boolean => {
  const { strides, buffer, indirect } = a
  const last = strides.length - 1
  return (
    constantBytes(buffer) !== undefined &&
    !indirect &&
    (buffer.dtype === 'i32' || buffer.dtype === 'f32') &&
    (extent === 1 || strides[last] === 1) &&
    strides.slice(0, -1).every((s) => s === 0)
  )
}

const isAux = (a: Access, extent: number): boolean => {
  const stride = a.strides[a.strides.length - 1]
  if (a.indirect || !['i8', 'u8', 'i32', 'f32'].includes(a.buffer.dtype)) return false
  return extent === 1 || stride === 1 || (stride === 0 && byteSize(a.buffer.dtype) === 4)
}

/** Whether one element of `aux` is for all channels. */
export const isPerPixel = (aux: Access): boolean => aux.strides[aux.strides.length - 1] === 0

const lanes: readonly DType[] = ['i8', 'u8', 'i32', 'f32', 'bool']

const hasVectorCode = (e: Expr): boolean => isVectorizable(e) && parts(e).every((part) => lanes.includes(part.dtype))

/** sum + vector where the sum is used nowhere else: the vector can be what the sums start from. */
function takeBias(post: Post, extent: number): { expr: Expr; bias: Access } | undefined {
  const users = parts(post.expr).filter((e) => children(e).some((c) => c.kind === 'arg' && c.index === 0))
  const [user] = users
  if (users.length !== 1 || user?.kind !== 'binary' || user.op !== 'add' || user.dtype !== 'i32') return undefined
  const other = user.a.kind === 'arg' && user.a.index === 0 ? user.b : user.a
  if (other.kind !== 'arg' || other.index === 0) return undefined
  const bias = post.reads[other.index - 1]!
  if (!isVector(bias, extent)) return undefined
  return { expr: replaceParts(post.expr, (e) => (e === user ? arg(0, 'i32') : undefined)), bias }
}

/** Without a last conversion to 8 bits where the number is clamped to them, and without that clamp: storing saturates. */
function inRange(e: Expr, bound: (x: Expr) => number): Expr {
  if (e.kind !== 'convert' || (e.dtype !== 'i8' && e.dtype !== 'u8') || e.x.dtype !== 'i32') return e
  const zeroed = e.x.kind === 'select' && literal(e.x.b) === 0 ? e.x.a : e.x
  if (zeroed.kind !== 'binary' || zeroed.op !== 'sub' || zeroed.a.kind !== 'binary' || zeroed.a.op !== 'min') return e
  const clamped = zeroed.a.a
  const low = clamped.kind === 'binary' && clamped.op === 'max' ? literal(clamped.b) - literal(zeroed.b) : NaN
  const high = literal(zeroed.a.b) - literal(zeroed.b)
  const { min, max } = integerRange(e.dtype)
  if (low < Number(min) || high > Number(max)) return e
  if (clamped.kind !== 'binary' || e.x !== zeroed || !isBitsOfPositive(clamped.a, bound)) return e.x
  // Bits of a positive float: less an integer that is not negative, they don't overflow.
  const above = low === Number(min) ? clamped.a : clamped
  const within = high === Number(max) ? above : replaceParts(zeroed.a, (part) => (part === clamped ? above : undefined))
  return literal(zeroed.b) >= 0 ? replaceParts(zeroed, (part) => (part === zeroed.a ? within : undefined)) : e.x
}

/** The bits of y + c as an i32, where y is known to be no further below zero than c is above it. */
function isBitsOfPositive(e: Expr, bound: (x: Expr) => number): boolean {
  if (e.kind !== 'bitcast' || e.x.dtype !== 'f32' || e.x.kind !== 'binary' || e.x.op !== 'add') return false
  return bound(e.x.a) <= literal(e.x.b)
}

/** The largest magnitude in a constant. */
function boundOfRead({ buffer }: Access): number {
  const { dtype } = buffer
  const data = constantBytes(buffer)
  if (!data || (dtype !== 'i32' && dtype !== 'f32')) return Infinity
  const bytes = new Uint8Array(data).buffer
  const values: Iterable<number> = dtype === 'f32' ? new Float32Array(bytes) : new Int32Array(bytes)
  let most = 0
  for (const value of values) most = Math.max(most, Math.abs(value))
  return most
}

/** Bytes less their zero point where that is 0, too: so the code is the same for all zero points, and shared. */
function withZeroPoint(e: Expr): Expr | undefined {
  if (e.kind !== 'convert' || e.dtype !== 'f32' || e.x.kind !== 'arg' || byteSize(e.x.dtype) !== 1) return undefined
  return convert(binary('sub', convert(e.x, 'i32'), constant(0, 'i32')), 'f32')
}

/**
 * The epilogue of an i32 product whose result has `extent` channels on the last axis, and no sum beyond ±`most`; undefined
 * where it needs more.
 */
export function planIntegerEpilogue(post: Post, extent: number, most: number): IntegerEpilogue | undefined {
  const bound = (e: Expr): number => boundOf(e, (i) => (i === 0 ? most : boundOfRead(post.reads[i - 1]!)))
  const saturating = { ...post, expr: inRange(post.expr, bound) }
  const biased = takeBias(saturating, extent)
  const expr = replaceParts(biased?.expr ?? saturating.expr, withZeroPoint)
  if (!hasVectorCode(expr)) return undefined
  const used = [...new Set(parts(expr).flatMap((e) => (e.kind === 'arg' && e.index > 0 ? [e.index] : [])))]
  const vectors = used.filter((i) => isVector(post.reads[i - 1]!, extent))
  const others = used.filter((i) => !vectors.includes(i))
  const [auxIndex] = others
  const aux = auxIndex === undefined ? undefined : post.reads[auxIndex - 1]!
  if (others.length > 1 || vectors.length > mostVectors || (aux && !isAux(aux, extent))) return undefined
  const table: { value: number; dtype: DType }[] = []
  const tableIndex = (value: number, dtype: DType): number => {
    const at = table.findIndex((c) => Object.is(c.value, value) && c.dtype === dtype)
    return at >= 0 ? at : table.push({ value, dtype }) - 1
  }
  const hole = replaceParts(expr, (e) => {
    if (e.kind === 'arg') {
      if (e.index === 0) return arg(requantizeArguments.acc, e.dtype)
      if (e.index === auxIndex)
        return arg(isPerPixel(aux!) ? requantizeArguments.pixel : requantizeArguments.aux, e.dtype)
      return arg(requantizeArguments.vectors + vectors.indexOf(e.index), e.dtype)
    }
    if (e.kind !== 'const' || (e.dtype !== 'f32' && e.dtype !== 'i32')) return undefined
    return arg(requantizeArguments.table + tableIndex(Number(e.value), e.dtype), e.dtype)
  })
  if (table.length > mostConstants) return undefined
  return { hole, bias: biased?.bias, vectors: vectors.map((i) => post.reads[i - 1]!), aux, table }
}
