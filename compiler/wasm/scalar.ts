import {
  bitSize,
  byteSize,
  isBigInt,
  isFloat,
  isInteger,
  isSigned,
  type DType,
  type Scalar,
} from '../core/scalar/dtype.ts'
import { toBfloat16, toHalf } from '../core/scalar/half.ts'
import {
  foldExpr,
  mathOps,
  partUses,
  type BinaryOp,
  type Expr,
  type MathOp,
  type UnaryOp,
} from '../core/scalar/expr.ts'
import { wasmTypeOf, type Code, type FunctionBuilder } from './machine.ts'

/** Functions that are no wasm instruction; templates compute them. */
export const isMathFunction = (op: UnaryOp): op is MathOp => (mathOps as readonly string[]).includes(op)

export function constantCode(f: FunctionBuilder, value: Scalar, dtype: DType): Code {
  const { m } = f
  switch (wasmTypeOf(dtype)) {
    case 'i64':
      return m.i64.const(BigInt.asIntN(64, BigInt(value)))
    case 'f32':
      return m.f32.const(Number(value))
    case 'f64':
      return m.f64.const(Number(value))
    case 'i32':
      return m.i32.const(bitsOf(value, dtype))
  }
}

/** What an i32 holds of a scalar of 32 bits or fewer. */
export const bitsOf = (value: Scalar, dtype: DType): number =>
  dtype === 'f16' ? toHalf(Number(value)) : dtype === 'bf16' ? toBfloat16(Number(value)) : Number(value) | 0

/**
 * Evaluates the shared parts of `e` into locals and returns the statements that do so and the code of `e` itself. `emit` gives
 * the code of a part, once for each but constants, which stand wherever they are used.
 */
export function emitShared(
  f: FunctionBuilder,
  e: Expr,
  localType: (part: Expr) => Parameters<FunctionBuilder['newLocal']>[0],
  emit: (part: Expr, operand: (child: Expr) => Code) => Code,
): { statements: Code[]; value: Code } {
  const uses = partUses(e)
  const statements: Code[] = []
  const codes = foldExpr<() => Code>(e, (part, of) => {
    const code = (): Code => emit(part, (child) => of(child)())
    if (part.kind === 'const') return code
    const value = code()
    if (part === e || (uses.get(part) ?? 0) < 2) return () => value
    const there = f.localOf(value)
    const local = there ?? f.newLocal(localType(part))
    if (there === undefined) statements.push(f.set(local, value))
    return () => f.get(local)
  })
  return { statements, value: codes() }
}

/** Scalar code of `e`. `argument` gives the code of an argument and is asked once for each. */
export function emitScalar(
  f: FunctionBuilder,
  e: Expr,
  argument: (index: number) => Code,
): { statements: Code[]; value: Code } {
  return emitShared(
    f,
    e,
    (part) => wasmTypeOf(part.dtype),
    (part, operand) => {
      switch (part.kind) {
        case 'arg':
          return argument(part.index)
        case 'const':
          return constantCode(f, part.value, part.dtype)
        case 'unary':
          return unaryCode(f, part.op, part.dtype, operand(part.x))
        case 'convert':
          return convertCode(f, operand(part.x), part.x.dtype, part.dtype)
        case 'bitcast':
          return bitcastCode(f, operand(part.x), part.x.dtype, part.dtype)
        case 'binary':
          return binaryCode(f, part.op, part.a.dtype, operand(part.a), operand(part.b))
        case 'select':
          return f.m.select(operand(part.cond), operand(part.a), operand(part.b))
      }
    },
  )
}

/** Brings an i32 into the range of a narrow integer type, as two's complement wraps, or to the bits of a narrow float. */
function wrap(f: FunctionBuilder, dtype: DType, value: Code): Code {
  const { m } = f
  const bits = bitSize(dtype)
  if (bits >= 32 || dtype === 'bool') return value
  if (!isInteger(dtype) || !isSigned(dtype)) return m.i32.and(value, m.i32.const(2 ** bits - 1))
  if (bits === 8) return m.i32.extend8_s(value)
  if (bits === 16) return m.i32.extend16_s(value)
  return m.i32.shr_s(m.i32.shl(value, m.i32.const(32 - bits)), m.i32.const(32 - bits))
}

/** `value` in a local, so that it can be used more than once; `body` gets the getter. */
function once(f: FunctionBuilder, value: Code, dtype: DType, body: (get: () => Code) => Code): Code {
  const type = wasmTypeOf(dtype)
  const local = f.newLocal(type)
  const result = body(() => f.get(local))
  return f.m.block(null, [f.set(local, value), result], f.type(type))
}

function unaryCode(f: FunctionBuilder, op: UnaryOp, dtype: DType, x: Code): Code {
  const { m } = f
  const type = wasmTypeOf(dtype)
  if (isMathFunction(op)) {
    if (type === 'f64') return m.call(f.link(`f64_${op}`), [x], f.type('f64'))
    return m.f32x4.extract_lane(m.call(f.link(`f32x4_${op}`), [m.f32x4.splat(x)], f.type('v128')), 0)
  }
  if (type === 'f32' || type === 'f64') {
    switch (op) {
      case 'neg':
        return m[type].neg(x)
      case 'abs':
        return m[type].abs(x)
      case 'ceil':
        return m[type].ceil(x)
      case 'floor':
        return m[type].floor(x)
      case 'trunc':
        return m[type].trunc(x)
      case 'round':
      case 'round_straight_through':
        return m[type].nearest(x)
      case 'sqrt':
        return m[type].sqrt(x)
      default:
        throw new TypeError(`${op} of ${dtype}`)
    }
  }
  const zero = (): Code => constantCode(f, 0, dtype)
  switch (op) {
    case 'neg':
      return wrap(f, dtype, m[type].sub(zero(), x))
    case 'abs':
      if (!isSigned(dtype)) return x
      return wrap(
        f,
        dtype,
        once(f, x, dtype, (get) => m.select(m[type].lt_s(get(), zero()), m[type].sub(zero(), get()), get())),
      )
    case 'not':
      if (dtype === 'bool') return m.i32.eqz(x)
      return wrap(f, dtype, m[type].xor(x, constantCode(f, -1, dtype)))
    default:
      throw new TypeError(`${op} of ${dtype}`)
  }
}

function floatBinary(f: FunctionBuilder, op: BinaryOp, type: 'f32' | 'f64', a: Code, b: Code): Code {
  const { m } = f
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
      return m[type][op](a, b)
    case 'rem': {
      // Exact for f32 too: the remainder of two f32 is an f32.
      if (type === 'f64') return m.call(f.link('f64_rem'), [a, b], f.type('f64'))
      return m.f32.demote(m.call(f.link('f64_rem'), [m.f64.promote(a), m.f64.promote(b)], f.type('f64')))
    }
    case 'pow': {
      if (type === 'f64') return m.call(f.link('f64_pow'), [a, b], f.type('f64'))
      const lanes = m.call(f.link('f32x4_pow'), [m.f32x4.splat(a), m.f32x4.splat(b)], f.type('v128'))
      return m.f32x4.extract_lane(lanes, 0)
    }
    default:
      throw new TypeError(`${op} of ${type}`)
  }
}

function integerCompare(
  f: FunctionBuilder,
  op: BinaryOp,
  type: 'i32' | 'i64',
  signed: boolean,
  a: Code,
  b: Code,
): Code {
  const t = f.m[type]
  switch (op) {
    case 'eq':
      return t.eq(a, b)
    case 'ne':
      return t.ne(a, b)
    case 'lt':
      return signed ? t.lt_s(a, b) : t.lt_u(a, b)
    case 'le':
      return signed ? t.le_s(a, b) : t.le_u(a, b)
    case 'gt':
      return signed ? t.gt_s(a, b) : t.gt_u(a, b)
    default:
      return signed ? t.ge_s(a, b) : t.ge_u(a, b)
  }
}

/** Division and remainder that do not trap: by zero they give 0, the lowest integer by -1 wraps. */
function divide(f: FunctionBuilder, op: 'div' | 'rem', dtype: DType, a: Code, b: Code): Code {
  const { m } = f
  const type = wasmTypeOf(dtype) as 'i32' | 'i64'
  const t = m[type]
  const constant = (v: number): Code => constantCode(f, v, dtype)
  return once(f, a, dtype, (x) =>
    once(f, b, dtype, (y) => {
      if (op === 'rem') {
        const remainder = isSigned(dtype) ? t.rem_s(x(), y()) : t.rem_u(x(), y())
        return m.if(t.eqz(y()), constant(0), remainder)
      }
      const quotient = isSigned(dtype)
        ? m.if(t.eq(y(), constant(-1)), t.sub(constant(0), x()), t.div_s(x(), y()))
        : t.div_u(x(), y())
      return m.if(t.eqz(y()), constant(0), quotient)
    }),
  )
}

export function binaryCode(f: FunctionBuilder, op: BinaryOp, dtype: DType, a: Code, b: Code): Code {
  const { m } = f
  const type = wasmTypeOf(dtype)
  if (type === 'f32' || type === 'f64') return floatBinary(f, op, type, a, b)
  const t = m[type]
  const signed = isSigned(dtype)
  switch (op) {
    case 'add':
      return wrap(f, dtype, t.add(a, b))
    case 'sub':
      return wrap(f, dtype, t.sub(a, b))
    case 'mul':
      return wrap(f, dtype, t.mul(a, b))
    case 'div':
    case 'rem':
      return wrap(f, dtype, divide(f, op, dtype, a, b))
    case 'max':
    case 'min':
      return once(f, a, dtype, (x) =>
        once(f, b, dtype, (y) =>
          m.select(integerCompare(f, op === 'max' ? 'gt' : 'lt', type, signed, x(), y()), x(), y()),
        ),
      )
    case 'and':
      return t.and(a, b)
    case 'or':
      return t.or(a, b)
    case 'xor':
      return t.xor(a, b)
    case 'shl':
    case 'shr': {
      const bits = constantCode(f, byteSize(dtype) * 8, dtype)
      return once(f, b, dtype, (count) => {
        const shifted =
          op === 'shl' ? wrap(f, dtype, t.shl(a, count())) : signed ? t.shr_s(a, count()) : t.shr_u(a, count())
        return m.select(t.lt_u(count(), bits), shifted, constantCode(f, 0, dtype))
      })
    }
    case 'pow':
      throw new TypeError(`pow of ${dtype}`)
    default:
      return integerCompare(f, op, type, signed, a, b)
  }
}

export function convertCode(f: FunctionBuilder, x: Code, from: DType, to: DType): Code {
  const { m } = f
  if (from === 'f16') return convertCode(f, m.call(f.link('f16_to_f32'), [x], f.type('f32')), 'f32', to)
  if (from === 'bf16') return convertCode(f, m.f32.reinterpret(m.i32.shl(x, m.i32.const(16))), 'f32', to)
  if (to === 'f16') return m.call(f.link('f32_to_f16'), [convertCode(f, x, from, 'f32')], f.type('i32'))
  if (to === 'bf16') return m.call(f.link('f32_to_bf16'), [convertCode(f, x, from, 'f32')], f.type('i32'))
  const source = wasmTypeOf(from)
  const target = wasmTypeOf(to)
  if (to === 'bool') return from === 'bool' ? x : m[source].ne(x, constantCode(f, 0, from))
  if (isFloat(to)) return toFloat(f, x, from, to as 'f32' | 'f64')
  if (source === 'f32' || source === 'f64') {
    if (isBigInt(to)) return isSigned(to) ? truncate(f, x, source, 'i64', true) : truncate(f, x, source, 'i64', false)
    if (to === 'u32') return m.i32.wrap(truncate(f, x, source, 'i64', true))
    return wrap(f, to, truncate(f, x, source, 'i32', true))
  }
  if (source === target) return target === 'i32' ? wrap(f, to, x) : x
  if (target === 'i32') return wrap(f, to, m.i32.wrap(x))
  return isSigned(from) ? m.i64.extend_s(x) : m.i64.extend_u(x)
}

function bitcastCode(f: FunctionBuilder, x: Code, from: DType, to: DType): Code {
  const target = wasmTypeOf(to)
  if (wasmTypeOf(from) === target) return target === 'i32' ? wrap(f, to, x) : x
  return f.m[target].reinterpret(x)
}

function toFloat(f: FunctionBuilder, x: Code, from: DType, to: 'f32' | 'f64'): Code {
  const { m } = f
  const t = m[to]
  switch (wasmTypeOf(from)) {
    case 'i32':
      return isSigned(from) ? t.convert_s.i32(x) : t.convert_u.i32(x)
    case 'i64':
      return isSigned(from) ? t.convert_s.i64(x) : t.convert_u.i64(x)
    case 'f32':
      return to === 'f32' ? x : m.f64.promote(x)
    case 'f64':
      return to === 'f64' ? x : m.f32.demote(x)
  }
}

function truncate(f: FunctionBuilder, x: Code, from: 'f32' | 'f64', to: 'i32' | 'i64', signed: boolean): Code {
  const t = f.m[to]
  return signed ? t.trunc_s_sat[from](x) : t.trunc_u_sat[from](x)
}
