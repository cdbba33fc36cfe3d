import { isFloat, isSigned } from '../../../core/scalar/dtype.ts'
import * as expr from '../../../core/scalar/expr.ts'
import type { UnaryOp } from '../../../core/scalar/expr.ts'
import type { Operator } from '../../context.ts'
import { elementwise } from '../../shared/elementwise.ts'
import * as f from '../../../core/scalar/formula.ts'

const plain = (op: UnaryOp): Operator => elementwise((x) => expr.unary(op, x))

/** Operators of one input that are one core function, or nearly. Round is half to even (ONNX Round-11). */
export const unaryOperators: Readonly<Record<string, Operator>> = {
  Abs: plain('abs'),
  Acos: plain('acos'),
  Acosh: plain('acosh'),
  Asin: plain('asin'),
  Asinh: plain('asinh'),
  Atan: plain('atan'),
  Atanh: plain('atanh'),
  BitwiseNot: plain('not'),
  Ceil: plain('ceil'),
  Cos: plain('cos'),
  Cosh: plain('cosh'),
  Erf: plain('erf'),
  Exp: plain('exp'),
  Floor: plain('floor'),
  IsInf: elementwise((x, c) => {
    const negative = c.int('detect_negative', 1) !== 0
    const positive = c.int('detect_positive', 1) !== 0
    if (positive && negative) return f.eq(f.abs(x), Infinity)
    // Neither asked for: no element is -Infinity and +Infinity at once.
    if (!positive && !negative) return f.and(f.eq(x, Infinity), f.eq(x, -Infinity))
    return f.eq(x, positive ? Infinity : -Infinity)
  }),
  IsNaN: elementwise((x) => f.ne(x, x)),
  Log: plain('log'),
  Neg: plain('neg'),
  Not: plain('not'),
  Reciprocal: elementwise((x) => f.div(1, x)),
  Round: plain('round'),
  Sign: elementwise((x) => {
    if (!isSigned(x.dtype)) return f.min(x, 1)
    // NaN and zeros are their own sign.
    const sign = f.select(f.lt(x, 0), -1, isFloat(x.dtype) ? x : expr.constant(0, x.dtype))
    return f.select(f.gt(x, 0), 1, sign)
  }),
  Sin: plain('sin'),
  Sinh: plain('sinh'),
  Sqrt: plain('sqrt'),
  Tan: plain('tan'),
  Tanh: plain('tanh'),
}
