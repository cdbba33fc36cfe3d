import { children, literal, parts, type BinaryOp, type Expr, type UnaryOp } from '../core/scalar/expr.ts'
import type { Node, Value } from '../core/graph.ts'

const unbounded: ReadonlySet<UnaryOp> = new Set([
  'sqrt',
  'exp',
  'log',
  'tan',
  'asin',
  'acos',
  'sinh',
  'cosh',
  'acosh',
  'atanh',
] as const)
const bounded: ReadonlySet<UnaryOp> = new Set(['tanh', 'erf', 'atan'] as const)
const quotients: ReadonlySet<BinaryOp> = new Set(['div', 'rem'] as const)

/** Whether a part is ±∞ or NaN for some arguments, if its operands are for some that `is` tells. Sums and products are taken to stay finite. */
function mayBe(part: Expr, infinite: (index: number) => boolean, is: (operand: Expr) => boolean): boolean {
  switch (part.kind) {
    case 'arg':
      return infinite(part.index)
    case 'const':
      return !Number.isFinite(Number(part.value))
    case 'bitcast':
      return true
    case 'unary':
      return unbounded.has(part.op) || (!bounded.has(part.op) && is(part.x))
    case 'binary': {
      const divisor = literal(part.b)
      if (quotients.has(part.op)) return is(part.a) || !(Number.isFinite(divisor) && divisor !== 0)
      if (part.op === 'pow') return is(part.a) || !(Number.isInteger(divisor) && divisor >= 0)
      return is(part.a) || is(part.b)
    }
    case 'select':
      return is(part.a) || is(part.b)
    case 'convert':
      return children(part).some(is)
  }
}

/** The parts of `expr` that may be ±∞ or NaN, given which arguments may. */
export function mayBeInfinite(expr: Expr, infinite: (index: number) => boolean): ReadonlySet<Expr> {
  const found = new Set<Expr>()
  for (const part of parts(expr)) if (mayBe(part, infinite, (e) => found.has(e))) found.add(part)
  return found
}

const moves: ReadonlySet<Node['op']> = new Set([
  'reshape',
  'transpose',
  'broadcast_in_dim',
  'slice',
  'concatenate',
  'gather',
] as const)

/** Results of maps in `order` that may be ±∞ or NaN, however they are moved. All other ops are taken to give finite numbers. */
export function infiniteValues(order: readonly Node[]): ReadonlySet<Value> {
  const found = new Set<Value>()
  for (const { op, operands, attrs, results } of order) {
    const is = (i: number): boolean => found.has(operands[i]!)
    const infinite =
      op === 'map' ? mayBeInfinite(attrs.expr, is).has(attrs.expr) : moves.has(op) && operands.some((_, i) => is(i))
    if (infinite) found.add(results[0]!)
  }
  return found
}
