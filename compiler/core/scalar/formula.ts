import { OperandError } from '../diagnostics/diagnostic.ts'
import * as expr from './expr.ts'
import type { BinaryOp, Expr, UnaryOp } from './expr.ts'

/** A part of a scalar formula; a number literal takes the dtype of the operand it meets. */
export type Term = Expr | number

function typed(a: Term, b: Term): [Expr, Expr] {
  if (typeof a !== 'number') return [a, typeof b === 'number' ? expr.constant(b, a.dtype) : b]
  if (typeof b !== 'number') return [expr.constant(a, b.dtype), b]
  throw new OperandError('a formula of two literals has no dtype')
}

const binary =
  (op: BinaryOp) =>
  (a: Term, b: Term): Expr =>
    expr.binary(op, ...typed(a, b))

const unary =
  (op: UnaryOp) =>
  (x: Expr): Expr =>
    expr.unary(op, x)

export const add = binary('add')
export const sub = binary('sub')
export const mul = binary('mul')
export const div = binary('div')
export const rem = binary('rem')
export const pow = binary('pow')
export const max = binary('max')
export const min = binary('min')
export const and = binary('and')
export const or = binary('or')
export const xor = binary('xor')
export const eq = binary('eq')
export const ne = binary('ne')
export const lt = binary('lt')
export const le = binary('le')
export const gt = binary('gt')
export const ge = binary('ge')

export const neg = unary('neg')
export const abs = unary('abs')
export const round = unary('round')
export const roundStraightThrough = unary('round_straight_through')
export const sqrt = unary('sqrt')
export const exp = unary('exp')
export const log = unary('log')
export const tanh = unary('tanh')
export const erf = unary('erf')

export const select = (condition: Expr, a: Term, b: Term): Expr => expr.select(condition, ...typed(a, b))
export const square = (x: Expr): Expr => mul(x, x)
export const clamp = (x: Expr, low: Term, high: Term): Expr => min(max(x, low), high)
export const sigmoid = (x: Expr): Expr => div(1, add(exp(neg(x)), 1))
/** log(1 + e^x) without overflow. */
export const softplus = (x: Expr): Expr => add(max(x, 0), log(add(exp(neg(abs(x))), 1)))
