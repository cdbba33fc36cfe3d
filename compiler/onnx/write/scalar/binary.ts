/** ONNX nodes for binary scalar functions. Operands broadcast. */
import { isFloat } from '../../../core/scalar/dtype.ts'
import type { BinaryOp } from '../../../core/scalar/expr.ts'
import type { Emitter } from '../emitter.ts'
import type { Edge } from '../graph.ts'
import type { Computing } from '../kernels.ts'
import { quotient, remainder } from './division.ts'
import { shiftLeft, shiftRight } from './shift.ts'

type Rule = (e: Emitter, a: Edge, b: Edge) => Edge

const plain =
  (operator: Computing): Rule =>
  (e, a, b) =>
    e.elementwise(operator, [a, b])

const compare =
  (operator: Computing): Rule =>
  (e, a, b) =>
    e.elementwise(operator, [a, b], 'bool')

/** Of bool another operator than of numbers. */
const either =
  (ofBool: Computing, ofNumbers: Computing): Rule =>
  (e, a, b) =>
    e.elementwise(a.type.dtype === 'bool' ? ofBool : ofNumbers, [a, b])

const rules: { readonly [O in BinaryOp]: Rule } = {
  add: plain('Add'),
  sub: plain('Sub'),
  mul: plain('Mul'),
  div: (e, a, b) => (isFloat(a.type.dtype) ? e.elementwise('Div', [a, b]) : quotient(e, a, b)),
  rem: (e, a, b) => (isFloat(a.type.dtype) ? e.elementwise('Mod', [a, b], undefined, { fmod: 1 }) : remainder(e, a, b)),
  pow: plain('Pow'),
  max: either('Or', 'Max'),
  min: either('And', 'Min'),
  and: either('And', 'BitwiseAnd'),
  or: either('Or', 'BitwiseOr'),
  xor: either('Xor', 'BitwiseXor'),
  shl: shiftLeft,
  shr: shiftRight,
  eq: compare('Equal'),
  ne: (e, a, b) => e.not(e.elementwise('Equal', [a, b], 'bool')),
  lt: compare('Less'),
  le: compare('LessOrEqual'),
  gt: compare('Greater'),
  ge: compare('GreaterOrEqual'),
}

export const emitBinary = (e: Emitter, op: BinaryOp, a: Edge, b: Edge): Edge => rules[op](e, a, b)
