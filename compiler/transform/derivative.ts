import { fail } from '../core/diagnostics/diagnostic.ts'
import { isFloat } from '../core/scalar/dtype.ts'
import {
  children,
  constant,
  convert,
  literal,
  parts,
  unary,
  type BinaryOp,
  type Expr,
  type UnaryOp,
} from '../core/scalar/expr.ts'
import * as f from '../core/scalar/formula.ts'
import { mayBeInfinite } from './infinite.ts'
import { cotangentType } from './vjp/rule.ts'

/**
 * c · p, but 0 where c is: what a `select` or a maximum did not choose gets no gradient even where the derivative of how it
 * was computed is infinite or NaN there (0 · ∞; JAX's "double where" done for the user).
 */
const guarded = (c: Expr, product: Expr): Expr =>
  c.kind === 'const' && literal(c) !== 0 ? product : f.select(f.ne(c, 0), product, 0)

const cosh = (x: Expr): Expr => unary('cosh', x)
const sinh = (x: Expr): Expr => unary('sinh', x)
const sin = (x: Expr): Expr => unary('sin', x)
const cos = (x: Expr): Expr => unary('cos', x)
/** 1 − x², exact beside ±1. */
const oneMinusSquare = (x: Expr): Expr => f.mul(f.sub(1, x), f.add(x, 1))

/** What `y = op(x)` hands on of its cotangent c; undefined where it is constant piece by piece. */
const unaryRules: Record<UnaryOp, ((c: Expr, x: Expr, y: Expr) => Expr) | undefined> = {
  neg: (c) => f.neg(c),
  abs: (c, x) => f.select(f.gt(x, 0), c, f.select(f.lt(x, 0), f.neg(c), 0)),
  not: undefined,
  ceil: undefined,
  floor: undefined,
  trunc: undefined,
  round: undefined,
  round_straight_through: (c) => c,
  sqrt: (c, _, y) => guarded(c, f.div(c, f.add(y, y))),
  exp: (c, _, y) => guarded(c, f.mul(c, y)),
  log: (c, x) => guarded(c, f.div(c, x)),
  sin: (c, x) => guarded(c, f.mul(c, cos(x))),
  cos: (c, x) => guarded(c, f.neg(f.mul(c, sin(x)))),
  tan: (c, _, y) => guarded(c, f.mul(c, f.add(f.square(y), 1))),
  asin: (c, x) => guarded(c, f.div(c, f.sqrt(oneMinusSquare(x)))),
  acos: (c, x) => guarded(c, f.neg(f.div(c, f.sqrt(oneMinusSquare(x))))),
  atan: (c, x) => guarded(c, f.div(c, f.add(f.square(x), 1))),
  sinh: (c, x) => guarded(c, f.mul(c, cosh(x))),
  cosh: (c, x) => guarded(c, f.mul(c, sinh(x))),
  tanh: (c, _, y) => guarded(c, f.mul(c, oneMinusSquare(y))),
  asinh: (c, x) => guarded(c, f.div(c, f.sqrt(f.add(f.square(x), 1)))),
  acosh: (c, x) => guarded(c, f.div(c, f.sqrt(f.mul(f.sub(x, 1), f.add(x, 1))))),
  atanh: (c, x) => guarded(c, f.div(c, oneMinusSquare(x))),
  erf: (c, x) => guarded(c, f.mul(f.mul(c, 2 / Math.sqrt(Math.PI)), f.exp(f.neg(f.square(x))))),
}

interface Operands {
  /** Cotangent and value of the result. */
  readonly c: Expr
  readonly y: Expr
  readonly a: Expr
  readonly b: Expr
  readonly varies: (operand: Expr) => boolean
  readonly infinite: (operand: Expr) => boolean
}

/** What goes to the first operand and to the second. Each is asked for only where the operand varies. */
interface BinaryRule {
  readonly a: (o: Operands) => Expr | undefined
  readonly b: (o: Operands) => Expr | undefined
}

const times = (c: Expr, factor: Expr, infinite: boolean): Expr => {
  if (literal(factor) === 1) return c
  if (literal(c) === 1) return factor
  return infinite ? guarded(c, f.mul(c, factor)) : f.mul(c, factor)
}

/**
 * Of two that vary the first has the gradient where they are equal. Against what does not vary (the 0 of a rectifier, the
 * bounds of a clamp) it counts whether the result is the other one: then the operand need not be kept for the way back.
 */
function extremum(op: 'max' | 'min'): BinaryRule {
  const first = op === 'max' ? f.ge : f.le
  return {
    a: ({ c, y, a, b, varies }) => f.select(varies(b) ? first(a, b) : f.ne(y, b), c, 0),
    b: ({ c, y, a, b, varies }) => (varies(a) ? f.select(first(a, b), 0, c) : f.select(f.ne(y, a), c, 0)),
  }
}

function powerBase({ c, y, a, b }: Operands): Expr | undefined {
  const exponent = literal(b)
  if (exponent === 0) return undefined
  if (exponent === 1) return c
  if (exponent === 2) return times(c, f.add(a, a), false)
  if (exponent === 0.5) return guarded(c, f.div(c, f.add(y, y)))
  const power = f.mul(c, f.mul(b, f.pow(a, f.sub(b, 1))))
  // x⁰ is 1 everywhere, but 0 · x⁻¹ is NaN at 0.
  return guarded(c, b.kind === 'const' ? power : f.select(f.ne(b, 0), power, 0))
}

const binaryRules: Record<BinaryOp, BinaryRule | undefined> = {
  add: { a: ({ c }) => c, b: ({ c }) => c },
  sub: { a: ({ c }) => c, b: ({ c }) => f.neg(c) },
  mul: { a: ({ c, b, infinite }) => times(c, b, infinite(b)), b: ({ c, a, infinite }) => times(c, a, infinite(a)) },
  div: {
    a: ({ c, b }) => (b.kind === 'const' && literal(b) !== 0 ? f.div(c, b) : guarded(c, f.div(c, b))),
    b: ({ c, y, b }) => guarded(c, f.neg(f.div(f.mul(c, y), b))),
  },
  rem: {
    a: ({ c }) => c,
    b: ({ c, a, b }) => guarded(c, f.neg(f.mul(c, unary('trunc', f.div(a, b))))),
  },
  pow: {
    a: powerBase,
    // At 0 the logarithm is −∞, and the power does not depend on what is positive in the exponent.
    b: ({ c, y, a }) => guarded(c, f.select(f.ne(a, 0), f.mul(c, f.mul(y, f.log(a))), 0)),
  },
  max: extremum('max'),
  min: extremum('min'),
  and: undefined,
  or: undefined,
  xor: undefined,
  shl: undefined,
  shr: undefined,
  eq: undefined,
  ne: undefined,
  lt: undefined,
  le: undefined,
  gt: undefined,
  ge: undefined,
}

const isUnary = (e: Expr, op: UnaryOp): e is Extract<Expr, { kind: 'unary' }> => e.kind === 'unary' && e.op === op
const isBinary = (e: Expr, op: BinaryOp): e is Extract<Expr, { kind: 'binary' }> => e.kind === 'binary' && e.op === op
const isOnePlus = (e: Expr): Expr | undefined =>
  !isBinary(e, 'add') ? undefined : literal(e.b) === 1 ? e.a : literal(e.a) === 1 ? e.b : undefined

/** u of 1 / (1 + eᵘ), whose derivative comes from its value without another exponential. */
function logisticOf(e: Expr): Expr | undefined {
  const exponential = isBinary(e, 'div') && literal(e.a) === 1 ? isOnePlus(e.b) : undefined
  return exponential && isUnary(exponential, 'exp') ? exponential.x : undefined
}

/** x of max(x, 0) + log(1 + e^−|x|): smooth at 0, though its parts are not. */
function softplusOf(e: Expr): Expr | undefined {
  if (!isBinary(e, 'add') || !isBinary(e.a, 'max') || literal(e.a.b) !== 0 || !isUnary(e.b, 'log')) return undefined
  const exponential = isOnePlus(e.b.x)
  if (!exponential || !isUnary(exponential, 'exp') || !isUnary(exponential.x, 'neg')) return undefined
  const { x: absolute } = exponential.x
  return isUnary(absolute, 'abs') && absolute.x === e.a.a ? e.a.a : undefined
}

export interface Mapped {
  readonly expr: Expr
  /** What stands for the map's result and for its cotangent, arguments both. */
  readonly result: Expr
  readonly cotangent: Expr
  /** Arguments that are differentiated by. */
  readonly wanted: (index: number) => boolean
  /** Arguments that may be ±∞ or NaN. */
  readonly infinite: (index: number) => boolean
}

/**
 * The body of a map that goes backwards: by index, the cotangents of arguments, none where they are zero. A801 for a bitcast
 * on the way. The result stands for the last operation where its derivative follows from it (√x, eˣ, max(x, 0)): so what
 * it was computed from need not stay in memory.
 */
export function derivatives({ expr, result, cotangent, wanted, infinite }: Mapped): ReadonlyMap<number, Expr> {
  const all = parts(expr)
  const varying = new Set<Expr>()
  for (const part of all) {
    const own = part.kind === 'arg' && wanted(part.index)
    if (own || children(part).some((child) => varying.has(child))) varying.add(part)
  }
  const wild = mayBeInfinite(expr, infinite)
  const adjoints = new Map<Expr, Expr>()
  const give = (to: Expr, c: Expr | undefined): void => {
    if (!c || !varying.has(to) || !isFloat(to.dtype)) return
    const before = adjoints.get(to)
    adjoints.set(to, before ? f.add(before, c) : c)
  }
  const isVarying = (e: Expr): boolean => varying.has(e)
  const isWild = (e: Expr): boolean => wild.has(e)
  give(expr, cotangent)
  for (let i = all.length - 1; i >= 0; i--) {
    const part = all[i]!
    const c = adjoints.get(part)
    if (c) handOn(part, part === expr ? result : part, c, give, isVarying, isWild)
  }
  const found = new Map<number, Expr>()
  for (const [part, c] of adjoints) if (part.kind === 'arg') found.set(part.index, c)
  return found
}

function handOn(
  part: Expr,
  y: Expr,
  c: Expr,
  give: (to: Expr, c: Expr | undefined) => void,
  varies: (e: Expr) => boolean,
  infinite: (e: Expr) => boolean,
): void {
  const u = logisticOf(part)
  if (u) return give(u, f.mul(c, f.mul(y, f.sub(y, 1))))
  const x = softplusOf(part)
  if (x) return give(x, f.mul(c, f.sigmoid(x)))
  switch (part.kind) {
    case 'arg':
    case 'const':
      return
    case 'unary':
      return give(part.x, unaryRules[part.op]?.(c, part.x, y))
    case 'convert':
      return isFloat(part.x.dtype) ? give(part.x, convert(c, cotangentType(part.x.dtype))) : undefined
    case 'bitcast':
      if (varies(part.x)) fail('A801', 'the bits of a number have no derivative')
      return
    case 'select': {
      const zero = constant(0, c.dtype)
      give(part.a, f.select(part.cond, c, zero))
      return give(part.b, f.select(part.cond, zero, c))
    }
    case 'binary': {
      const { a, b } = part
      const rule = binaryRules[part.op]
      if (!rule) return
      const operands = { c, y, a, b, varies, infinite }
      if (varies(a)) give(a, rule.a(operands))
      if (varies(b)) give(b, rule.b(operands))
    }
  }
}
