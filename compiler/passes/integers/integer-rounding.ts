/**
 * Rounds to small integers by adding 1.5 · 2^23: the sum's low bits are the integer, half to even, and bits of positive
 * floats are ordered as the floats are, so that clamping needs no float instruction that minds NaN.
 * Before: quantization in maps is min(max(round(x) + zero, low), high). After: it is integer arithmetic behind one addition.
 */
import { Builder } from '../../core/builder.ts'
import { boundOver } from '../../core/analysis/bounds.ts'
import { integerRange, isInteger } from '../../core/scalar/dtype.ts'
import { bitcast, convert, literal, replaceParts, type Expr } from '../../core/scalar/expr.ts'
import * as f from '../../core/scalar/formula.ts'
import { applyPatch, nodesOf, type Graph, type Value } from '../../core/graph.ts'

const magic = 1.5 * 2 ** 23
const magicBits = 0x4b400000
/** Clamps further out would leave the range in which the sum's low bits are the integer. */
const mostClamp = 2 ** 21

interface Rounding {
  readonly x: Expr
  readonly zero: number
  readonly low: number
  readonly high: number
}

/** min(max(round(x) + zero, low), high) in f32. */
function roundingOf(e: Expr): Rounding | undefined {
  if (e.kind !== 'binary' || e.op !== 'min' || e.dtype !== 'f32') return undefined
  if (e.a.kind !== 'binary' || e.a.op !== 'max') return undefined
  const [low, high] = [literal(e.a.b), literal(e.b)]
  const inner = e.a.a
  const shifted = inner.kind === 'binary' && inner.op === 'add' ? inner : undefined
  const zero = shifted ? literal(shifted.b) : 0
  const rounded = shifted ? shifted.a : inner
  if (rounded.kind !== 'unary' || rounded.op !== 'round') return undefined
  const small = [zero, low, high].every((v) => Number.isInteger(v) && Math.abs(v) <= mostClamp)
  return small && low <= high ? { x: rounded.x, zero, low, high } : undefined
}

const toInteger = ({ x, zero, low, high }: Rounding, less = 0): Expr =>
  f.sub(
    f.clamp(bitcast(f.add(x, magic), 'i32'), magicBits + low - zero, magicBits + high - zero),
    magicBits - zero + less,
  )

/** What `e`, a conversion to 8 bits, rounds to, as an i32; NaN becomes 0. */
function narrowed(e: Expr, bound: (x: Expr) => number): Expr | undefined {
  if (e.kind !== 'convert' || !isInteger(e.dtype)) return undefined
  const rounding = roundingOf(e.x)
  const { min, max } = integerRange(e.dtype)
  if (!rounding || rounding.low < Number(min) || rounding.high > Number(max)) return undefined
  const integer = toInteger(rounding)
  return bound(rounding.x) < Infinity ? integer : f.select(f.eq(rounding.x, rounding.x), integer, 0)
}

/** The same number by integer arithmetic. */
function rounded(e: Expr, bound: (x: Expr) => number): Expr | undefined {
  if (e.kind === 'convert' && (e.dtype === 'i32' || e.dtype === 'f32')) {
    const integer = narrowed(e.x, bound)
    return integer && convert(integer, e.dtype)
  }
  const integer = narrowed(e, bound)
  if (integer) return convert(integer, e.dtype)
  // An integer minus another: subtracted before it becomes a float.
  if (e.kind === 'binary' && e.op === 'sub' && Number.isInteger(literal(e.b)) && Math.abs(literal(e.b)) <= mostClamp) {
    const inner = roundingOf(e.a)
    return inner && bound(inner.x) < Infinity ? convert(toInteger(inner, literal(e.b)), 'f32') : undefined
  }
  const rounding = roundingOf(e)
  return rounding && bound(rounding.x) < Infinity ? convert(toInteger(rounding), 'f32') : undefined
}

export function integerRounding(graph: Graph): Graph {
  const patch = new Map<Value, Value>()
  for (const node of nodesOf(graph)) {
    if (node.op !== 'map') continue
    const bound = (x: Expr): number => boundOver(x, node.operands)
    const visit = (e: Expr): Expr =>
      replaceParts(e, (part) => {
        const replacement = rounded(part, bound)
        // What is rounded may hold another rounding.
        return replacement && replaceParts(replacement, (inner) => (inner === part ? undefined : rounded(inner, bound)))
      })
    const expr = visit(node.attrs.expr)
    if (expr !== node.attrs.expr)
      patch.set(
        node.results[0]!,
        new Builder(node.origin).map(node.operands, () => expr),
      )
  }
  return applyPatch(graph, patch)
}
