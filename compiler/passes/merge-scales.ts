/**
 * Makes one factor of the constants by which maps of f32 multiply and divide a number one after another: a division takes
 * several times as long as a multiplication, and hard-swish ends in one (MobileNetV3, PP-LCNetV3).
 * Before: scales that can go into weights are there (`fold-affine`). After: in maps of nothing but f32, no constant makes
 * smaller what a constant made smaller and nothing else reads, as far as `core/analysis/reassociation.ts` allows. So nothing overflows that
 * did not, or the other way round. A division alone stays one.
 */
import { Builder } from '../core/builder.ts'
import { binary, constant, literal, parts, partUses, replaceParts, type Expr } from '../core/scalar/expr.ts'
import { applyPatch, nodesOf, type Graph, type Value } from '../core/graph.ts'
import { mayScale } from '../core/analysis/reassociation.ts'

interface Scaled {
  readonly x: Expr
  readonly factor: number
}

/** What the expression scales by a constant. */
function scaledBy(e: Expr): Scaled | undefined {
  if (e.kind !== 'binary' || (e.op !== 'mul' && e.op !== 'div')) return undefined
  if (e.b.kind === 'const') return { x: e.a, factor: e.op === 'mul' ? literal(e.b) : 1 / literal(e.b) }
  return e.op === 'mul' && e.a.kind === 'const' ? { x: e.b, factor: literal(e.a) } : undefined
}

/** The scale of a scale as one. */
function merged(e: Expr, uses: ReadonlyMap<Expr, number>): Expr | undefined {
  const outer = scaledBy(e)
  const inner = outer && uses.get(outer.x) === 1 ? scaledBy(outer.x) : undefined
  if (!outer || !inner || inner.x.kind === 'const') return undefined
  const factor = Math.fround(outer.factor * inner.factor)
  const safe = [outer.factor, inner.factor, factor].every((f) => Math.abs(f) <= 1 && mayScale(1, Math.abs(f)))
  return safe ? binary('mul', inner.x, constant(factor, 'f32')) : undefined
}

/** The expression with one pair of scales less; undefined where there is none. */
function withOneLess(expr: Expr): Expr | undefined {
  const uses = partUses(expr)
  const found = parts(expr).find((e) => merged(e, uses))
  return found && replaceParts(expr, (e) => (e === found ? merged(e, uses) : undefined))
}

export function mergeScales(graph: Graph): Graph {
  const patch = new Map<Value, Value>()
  for (const node of nodesOf(graph)) {
    if (node.op !== 'map') continue
    const before = node.attrs.expr
    if (parts(before).some(({ dtype }) => dtype !== 'f32')) continue
    let expr = before
    for (let next = withOneLess(expr); next; next = withOneLess(expr)) expr = next
    if (expr !== before)
      patch.set(
        node.results[0]!,
        new Builder(node.origin).map(node.operands, () => expr),
      )
  }
  return applyPatch(graph, patch)
}
