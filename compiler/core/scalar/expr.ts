import { check } from '../diagnostics/check.ts'
import { bitSize, isBigInt, isFloat, isInteger, isSmallFloat, isStorageOnly, type DType, type Scalar } from './dtype.ts'

/** Functions that no instruction computes. */
export const mathOps = [
  'exp',
  'log',
  'sin',
  'cos',
  'tan',
  'asin',
  'acos',
  'atan',
  'sinh',
  'cosh',
  'tanh',
  'asinh',
  'acosh',
  'atanh',
  'erf',
] as const
export type MathOp = (typeof mathOps)[number]

/** Unary scalar functions. All but `neg`, `abs` and `not` take floats only. */
export const unaryOps = [
  ...(['neg', 'abs', 'not', 'ceil', 'floor', 'trunc', 'round', 'round_straight_through', 'sqrt'] as const),
  ...mathOps,
] as const
export type UnaryOp = (typeof unaryOps)[number]

export const arithmeticOps = [
  'add',
  'sub',
  'mul',
  'div',
  'rem',
  'pow',
  'max',
  'min',
  'and',
  'or',
  'xor',
  'shl',
  'shr',
] as const
export const compareOps = ['eq', 'ne', 'lt', 'le', 'gt', 'ge'] as const
export type CompareOp = (typeof compareOps)[number]
export type BinaryOp = (typeof arithmeticOps)[number] | CompareOp

/**
 * A scalar expression: the body of a `map`. A DAG: what maps hold has no two equal parts (`shareParts`), and whoever walks
 * it asks each part once (`foldExpr`). Arithmetic wraps for integers
 * (division truncates; x / 0, x rem 0 and shifts by the width or more are 0) and rounds once per operation for floats.
 * `max` and `min` propagate NaN and order -0 below +0 (IEEE 754-2019 maximum, minimum). `round` is half to even; so is
 * `round_straight_through`, whose derivative is 1 (the straight-through estimator, Bengio et al. 2013).
 * `rem` has the sign of the dividend. `convert` to an integer truncates, saturates at 32 bits (64 for i64, u64; NaN is 0)
 * and wraps to narrower types; to bool it is x != 0. `bitcast` takes the same bits as another type of as many; what NaN's
 * bits are is not defined. Scalars of the floats of 8 bits and fewer are their bits, and only `bitcast` takes them.
 */
export type Expr =
  | { readonly kind: 'arg'; readonly dtype: DType; readonly index: number }
  | { readonly kind: 'const'; readonly dtype: DType; readonly value: Scalar }
  | { readonly kind: 'unary'; readonly dtype: DType; readonly op: UnaryOp; readonly x: Expr }
  | { readonly kind: 'binary'; readonly dtype: DType; readonly op: BinaryOp; readonly a: Expr; readonly b: Expr }
  | { readonly kind: 'select'; readonly dtype: DType; readonly cond: Expr; readonly a: Expr; readonly b: Expr }
  | { readonly kind: 'convert'; readonly dtype: DType; readonly x: Expr }
  | { readonly kind: 'bitcast'; readonly dtype: DType; readonly x: Expr }

const isCompare = (op: BinaryOp): op is CompareOp => (compareOps as readonly string[]).includes(op)
const isBitwise = (op: BinaryOp): boolean => op === 'and' || op === 'or' || op === 'xor'

export const arg = (index: number, dtype: DType): Expr => ({ kind: 'arg', dtype, index })

export function constant(value: Scalar | boolean, dtype: DType): Expr {
  return { kind: 'const', dtype, value: isBigInt(dtype) ? BigInt(value) : Number(value) }
}

/** The number that a constant is; NaN for everything else. */
export const literal = (e: Expr): number => (e.kind === 'const' ? Number(e.value) : NaN)

export function unary(op: UnaryOp, x: Expr): Expr {
  const { dtype } = x
  const legal =
    op === 'not'
      ? dtype === 'bool' || isInteger(dtype)
      : op === 'neg' || op === 'abs'
        ? isInteger(dtype) || isFloat(dtype)
        : isFloat(dtype)
  check(legal && !isStorageOnly(dtype), `${op} does not take ${dtype}`)
  return { kind: 'unary', dtype, op, x }
}

export function binary(op: BinaryOp, a: Expr, b: Expr): Expr {
  check(a.dtype === b.dtype, `${op} of ${a.dtype} and ${b.dtype}`)
  check(!isStorageOnly(a.dtype), `${op} does not take ${a.dtype}`)
  if (isCompare(op)) return { kind: 'binary', dtype: 'bool', op, a, b }
  const legal =
    op === 'pow'
      ? isFloat(a.dtype)
      : isBitwise(op)
        ? !isFloat(a.dtype)
        : op === 'shl' || op === 'shr'
          ? isInteger(a.dtype)
          : a.dtype !== 'bool' || op === 'max' || op === 'min'
  check(legal, `${op} does not take ${a.dtype}`)
  return { kind: 'binary', dtype: a.dtype, op, a, b }
}

export function select(cond: Expr, a: Expr, b: Expr): Expr {
  check(cond.dtype === 'bool', `select wants a bool condition, not ${cond.dtype}`)
  check(a.dtype === b.dtype, `select between ${a.dtype} and ${b.dtype}`)
  return { kind: 'select', dtype: a.dtype, cond, a, b }
}

export function convert(x: Expr, dtype: DType): Expr {
  if (x.dtype === dtype) return x
  check(!isSmallFloat(x.dtype) && !isSmallFloat(dtype), `convert does not take ${x.dtype} to ${dtype}`)
  return { kind: 'convert', dtype, x }
}

export function bitcast(x: Expr, dtype: DType): Expr {
  if (x.dtype === dtype) return x
  // A byte of a float of 4 bits has nothing but those.
  const bits = (d: DType): number => (d === 'f4e2m1' ? 8 : bitSize(d))
  const legal = bits(x.dtype) === bits(dtype) && x.dtype !== 'bool' && dtype !== 'bool'
  check(legal, `bitcast does not take ${x.dtype} to ${dtype}`)
  return { kind: 'bitcast', dtype, x }
}

export function children(e: Expr): readonly Expr[] {
  switch (e.kind) {
    case 'arg':
    case 'const':
      return []
    case 'unary':
    case 'convert':
    case 'bitcast':
      return [e.x]
    case 'binary':
      return [e.a, e.b]
    case 'select':
      return [e.cond, e.a, e.b]
  }
}

/** `e` with its children replaced; `e` itself where none changed. */
function withChildren(e: Expr, to: (child: Expr) => Expr): Expr {
  const before = children(e)
  const after = before.map(to)
  if (after.every((c, i) => c === before[i])) return e
  switch (e.kind) {
    case 'unary':
      return unary(e.op, after[0]!)
    case 'convert':
      return convert(after[0]!, e.dtype)
    case 'bitcast':
      return bitcast(after[0]!, e.dtype)
    case 'binary':
      return binary(e.op, after[0]!, after[1]!)
    case 'select':
      return select(after[0]!, after[1]!, after[2]!)
    default:
      return e
  }
}

/**
 * What `value` makes of `e`: asked once for each distinct part, operands before their users, with `of` for what it made of an
 * operand. A part that `settled` has an answer for is not entered. Expressions may be deeper than the call stack.
 */
export function foldExpr<T>(
  e: Expr,
  value: (part: Expr, of: (operand: Expr) => T) => T,
  settled: (part: Expr) => T | undefined = () => undefined,
): T {
  const known = new Map<Expr, T>()
  const of = (operand: Expr): T => known.get(operand)!
  // Without the bookkeeping: many expressions are no more than this.
  if (e.kind === 'arg' || e.kind === 'const') return settled(e) ?? value(e, of)
  const entered = new Set<Expr>()
  const stack: Expr[] = [e]
  while (stack.length > 0) {
    const part = stack[stack.length - 1]!
    if (!entered.has(part)) {
      entered.add(part)
      const answer = settled(part)
      if (answer !== undefined) known.set(part, answer)
    }
    const next = known.has(part) ? undefined : children(part).find((c) => !known.has(c))
    if (next) {
      stack.push(next)
      continue
    }
    if (!known.has(part)) known.set(part, value(part, of))
    stack.pop()
  }
  return of(e)
}

/** Replaces every part for which `to` gives another, keeping shared parts shared. */
export const replaceParts = (e: Expr, to: (part: Expr) => Expr | undefined): Expr => foldExpr(e, withChildren, to)

/** Replaces every `arg` by what `to` gives for it. Equal parts of the result are one object. */
export const substitute = (e: Expr, to: (index: number, dtype: DType) => Expr): Expr =>
  shareParts(replaceParts(e, (x) => (x.kind === 'arg' ? to(x.index, x.dtype) : undefined)))

/** Every distinct part of `e`, operands before their users. */
export function parts(e: Expr): Expr[] {
  const all: Expr[] = []
  foldExpr(e, (part) => all.push(part))
  return all
}

/** How many parts of `e` have each part as an operand; an operand that stands twice counts twice. */
export function partUses(e: Expr): Map<Expr, number> {
  const uses = new Map<Expr, number>()
  for (const part of parts(e)) for (const child of children(part)) uses.set(child, (uses.get(child) ?? 0) + 1)
  return uses
}

const sharing = new WeakSet<Expr>()

/** `e` with equal parts made one object, so that they are computed once. Remembers what it gave. */
export function shareParts(e: Expr): Expr {
  if (sharing.has(e)) return e
  const ids = new Map<Expr, number>()
  const known = new Map<string, Expr>()
  const shared = foldExpr<Expr>(e, (part, of) => {
    const same = withChildren(part, of)
    const operands = children(same).map((c) => ids.get(c))
    const key = `${same.kind} ${same.dtype} ${ownText(same)} ${operands.join(' ')}`
    const first = known.get(key) ?? same
    if (first === same) {
      known.set(key, same)
      ids.set(same, ids.size)
    }
    return first
  })
  sharing.add(shared)
  return shared
}

/** What a part says beside its kind, type and operands. */
function ownText(e: Expr): string {
  if (e.kind === 'arg') return `${e.index}`
  if (e.kind === 'const') return formatScalar(e.value)
  return e.kind === 'unary' || e.kind === 'binary' ? e.op : ''
}

/**
 * Distinct parts up to which maps are joined to one expression. A kernel's code grows with them, and with what it keeps in
 * locals; a pass over memory costs as little as four of them.
 */
export const mostParts = 128

const formatScalar = (value: Scalar): string => (Object.is(value, -0) ? '-0' : `${value}`)

/** Of expressions whose arguments have no other names: passes ask again and again. */
const texts = new WeakMap<Expr, string>()

/** Text that is equal exactly for equal expressions, but for the types of arguments: `f32(max(a0, 0:f32))`. Shared parts are named once. */
export function formatExpr(e: Expr, name?: (index: number, dtype: DType) => string): string {
  const known = name ? undefined : texts.get(e)
  if (known !== undefined) return known
  const text = textOf(e, name ?? ((i) => `a${i}`))
  if (!name) texts.set(e, text)
  return text
}

function textOf(e: Expr, name: (index: number, dtype: DType) => string): string {
  const uses = partUses(e)
  const lets: string[] = []
  const plain = (x: Expr, of: (operand: Expr) => string): string => {
    switch (x.kind) {
      case 'arg':
        return name(x.index, x.dtype)
      case 'const':
        return `${formatScalar(x.value)}:${x.dtype}`
      case 'convert':
        return `${x.dtype}(${of(x.x)})`
      case 'bitcast':
        return `bits.${x.dtype}(${of(x.x)})`
      case 'unary':
        return `${x.op}(${of(x.x)})`
      case 'binary':
        return `${x.op}(${of(x.a)}, ${of(x.b)})`
      case 'select':
        return `select(${of(x.cond)}, ${of(x.a)}, ${of(x.b)})`
    }
  }
  const body = foldExpr<string>(e, (x, of) => {
    const text = plain(x, of)
    if ((uses.get(x) ?? 0) < 2 || children(x).length === 0) return text
    const local = `t${lets.length}`
    lets.push(`${local} = ${text}`)
    return local
  })
  return [...lets, body].join('; ')
}
