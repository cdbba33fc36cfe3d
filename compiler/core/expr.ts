import { check } from './check.ts'
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
export const unaryOps = ['neg', 'abs', 'not', 'ceil', 'floor', 'trunc', 'round', 'sqrt', ...mathOps] as const
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
 * A scalar expression: the body of a `map`. A tree whose shared parts are shared objects. Arithmetic wraps for integers
 * (division truncates; x / 0, x rem 0 and shifts by the width or more are 0) and rounds once per operation for floats.
 * `max` and `min` propagate NaN and order -0 below +0 (IEEE 754-2019 maximum, minimum). `round` is half to even.
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

/** Replaces every part for which `to` gives another, keeping shared parts shared. */
export function replaceParts(e: Expr, to: (part: Expr) => Expr | undefined): Expr {
  const memo = new Map<Expr, Expr>()
  const visit = (x: Expr): Expr => {
    const known = memo.get(x)
    if (known) return known
    const result = to(x) ?? withChildren(x, visit)
    memo.set(x, result)
    return result
  }
  return visit(e)
}

/** Replaces every `arg` by what `to` gives for it, keeping shared parts shared. */
export const substitute = (e: Expr, to: (index: number, dtype: DType) => Expr): Expr =>
  replaceParts(e, (x) => (x.kind === 'arg' ? to(x.index, x.dtype) : undefined))

/** Every distinct part of `e`, operands before their users. */
export function parts(e: Expr): Expr[] {
  const seen = new Set<Expr>()
  const visit = (x: Expr): void => {
    if (seen.has(x)) return
    children(x).forEach(visit)
    seen.add(x)
  }
  visit(e)
  return [...seen]
}

const formatScalar = (value: Scalar): string => (Object.is(value, -0) ? '-0' : `${value}`)

/** Text that is equal exactly for equal expressions: `f32(max(a0:f32, 0:f32))`. Shared parts are named once. */
export function formatExpr(e: Expr, name: (index: number) => string = (i) => `a${i}`): string {
  const uses = new Map<Expr, number>()
  for (const part of parts(e)) for (const child of children(part)) uses.set(child, (uses.get(child) ?? 0) + 1)
  const named = new Map<Expr, string>()
  const lets: string[] = []
  const visit = (x: Expr): string => {
    const known = named.get(x)
    if (known) return known
    const text = plain(x)
    if ((uses.get(x) ?? 0) < 2 || children(x).length === 0) return text
    const local = `t${lets.length}`
    lets.push(`${local} = ${text}`)
    named.set(x, local)
    return local
  }
  const plain = (x: Expr): string => {
    switch (x.kind) {
      case 'arg':
        return name(x.index)
      case 'const':
        return `${formatScalar(x.value)}:${x.dtype}`
      case 'convert':
        return `${x.dtype}(${visit(x.x)})`
      case 'bitcast':
        return `bits.${x.dtype}(${visit(x.x)})`
      case 'unary':
        return `${x.op}(${visit(x.x)})`
      case 'binary':
        return `${x.op}(${visit(x.a)}, ${visit(x.b)})`
      case 'select':
        return `select(${visit(x.cond)}, ${visit(x.a)}, ${visit(x.b)})`
    }
  }
  const body = visit(e)
  return [...lets, body].join('; ')
}
