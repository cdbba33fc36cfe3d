import { isSigned } from '../../../core/scalar/dtype.ts'
import * as expr from '../../../core/scalar/expr.ts'
import type { BinaryOp, Expr } from '../../../core/scalar/expr.ts'
import type { Operator } from '../../context.ts'
import { broadcasting } from '../../shared/elementwise.ts'
import * as f from '../../../core/scalar/formula.ts'
import { equalStrings } from '../text/strings.ts'

const plain = (op: BinaryOp): Operator => broadcasting((a, b) => expr.binary(op, a, b))

/** Remainder with the sign of the divisor (Python's), where `rem` has that of the dividend. */
function floorMod(a: Expr, b: Expr): Expr {
  const remainder = f.rem(a, b)
  if (!isSigned(a.dtype)) return remainder
  const otherSign = f.xor(f.lt(remainder, 0), f.lt(b, 0))
  return f.select(f.and(f.ne(remainder, 0), otherSign), f.add(remainder, b), remainder)
}

const equal: Operator = {
  ...plain('eq'),
  freeStrings: true,
  lower: (c) => (c.freeStrings(0) ? [equalStrings(c)] : plain('eq').lower(c)),
}

/** Operators of two inputs. Integer division truncates (ONNX Div-14). */
export const binaryOperators: Readonly<Record<string, Operator>> = {
  Add: plain('add'),
  And: plain('and'),
  BitwiseAnd: plain('and'),
  BitwiseOr: plain('or'),
  BitwiseXor: plain('xor'),
  Div: plain('div'),
  Equal: equal,
  Greater: plain('gt'),
  GreaterOrEqual: plain('ge'),
  Less: plain('lt'),
  LessOrEqual: plain('le'),
  Mod: broadcasting((a, b, c) => (c.int('fmod', 0) !== 0 ? f.rem(a, b) : floorMod(a, b))),
  Mul: plain('mul'),
  Or: plain('or'),
  Sub: plain('sub'),
  Xor: plain('xor'),
}
