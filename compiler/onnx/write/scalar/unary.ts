/** ONNX nodes for unary scalar functions. */
import { isFloat, isSigned } from '../../../core/scalar/dtype.ts'
import type { UnaryOp } from '../../../core/scalar/expr.ts'
import type { Emitter } from '../emitter.ts'
import type { Edge } from '../graph.ts'
import type { Computing } from '../kernels.ts'

type Rule = (e: Emitter, x: Edge) => Edge

const plain =
  (operator: Computing): Rule =>
  (e, x) =>
    e.elementwise(operator, [x])

/** Towards zero, whose sign stays. */
const truncated: Rule = (e, x) => {
  const negative = e.elementwise('Less', [x, e.scalar(0, x.type.dtype)], 'bool')
  return e.where(negative, e.elementwise('Ceil', [x]), e.elementwise('Floor', [x]))
}

const negated: Rule = (e, x) => {
  const { dtype } = x.type
  const unsigned = !isFloat(dtype) && !isSigned(dtype)
  return unsigned ? e.elementwise('Sub', [e.scalar(0, dtype), x]) : e.elementwise('Neg', [x])
}

const rules: { readonly [O in UnaryOp]: Rule } = {
  neg: negated,
  abs: plain('Abs'),
  not: (e, x) => e.elementwise(x.type.dtype === 'bool' ? 'Not' : 'BitwiseNot', [x]),
  ceil: plain('Ceil'),
  floor: plain('Floor'),
  trunc: truncated,
  round: plain('Round'),
  round_straight_through: plain('Round'),
  sqrt: plain('Sqrt'),
  exp: plain('Exp'),
  log: plain('Log'),
  sin: plain('Sin'),
  cos: plain('Cos'),
  tan: plain('Tan'),
  asin: plain('Asin'),
  acos: plain('Acos'),
  atan: plain('Atan'),
  sinh: plain('Sinh'),
  cosh: plain('Cosh'),
  tanh: plain('Tanh'),
  asinh: plain('Asinh'),
  acosh: plain('Acosh'),
  atanh: plain('Atanh'),
  erf: plain('Erf'),
}

export const emitUnary = (e: Emitter, op: UnaryOp, x: Edge): Edge => rules[op](e, x)
