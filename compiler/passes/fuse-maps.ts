/**
 * Joins maps: a map takes the expression of a map it reads, where that one has no other user and as many elements, and
 * constants of one element become part of the expression.
 * Before: any graph. After: no map reads a map that only it uses and that is not broadcast, short of `mostOperands` and but
 * for maps that finish a second product; each operand of a map is named once.
 */
import { Builder } from '../core/builder.ts'
import { byteSize, isStorageOnly } from '../core/dtype.ts'
import { arg, constant, substitute, type Expr } from '../core/expr.ts'
import { applyPatch, countUses, nodesOf, type Graph, type NodeOf, type Value } from '../core/graph.ts'
import { broadcastShapes, elementCount, sameShape, type Shape } from '../core/shape.ts'
import { reader } from '../core/tensor.ts'

/** More operands than this and a fused loop runs out of registers for its pointers. */
const mostOperands = 8

function scalarConstant(value: Value): Expr | undefined {
  const { node, type } = value
  if (node.op !== 'constant' || elementCount(type.shape) !== 1 || isStorageOnly(type.dtype)) return undefined
  return constant(reader(node.attrs.value)(0), type.dtype)
}

/** Collects the operands of a fused expression, each once. */
class Operands {
  readonly values: Value[] = []

  arg(value: Value): Expr {
    let index = this.values.indexOf(value)
    if (index < 0) index = this.values.push(value) - 1
    return arg(index, value.type.dtype)
  }
}

const readsProduct = (node: NodeOf<'map'>): boolean =>
  node.operands.some((o) => o.node.op === 'convolution' || o.node.op === 'dot_general')

/** What was brought to 8 bits is stored in them, rather than in what its reader makes of it. */
const widens = (from: Value, to: Value): boolean => byteSize(from.type.dtype) === 1 && byteSize(to.type.dtype) > 1

/** The operands and expression of `node` with what it can take in, or undefined where that changes nothing. */
function fuse(node: NodeOf<'map'>, inlined: (operand: Value) => NodeOf<'map'> | undefined) {
  const { shape } = node.results[0]!.type
  const operands = new Operands()
  const expr = substitute(node.attrs.expr, (i) => {
    const operand = node.operands[i]!
    const inner = inlined(operand)
    if (!inner) return operands.arg(operand)
    return substitute(inner.attrs.expr, (j) => operands.arg(inner.operands[j]!))
  })
  return withoutScalars(operands.values, expr, shape)
}

/** Moves constants of one element into the expression, as long as what remains still has the result's shape. */
function withoutScalars(values: readonly Value[], expr: Expr, shape: Shape): { values: readonly Value[]; expr: Expr } {
  const remaining = values.filter((v) => scalarConstant(v) === undefined)
  const rest = broadcastShapes(remaining.map((v) => v.type.shape))
  if (!rest || !sameShape(rest, shape)) return { values, expr }
  const renumbered = substitute(expr, (i, dtype) => {
    const value = values[i]!
    return scalarConstant(value) ?? arg(remaining.indexOf(value), dtype)
  })
  return { values: remaining, expr: renumbered }
}

export function fuseMaps(graph: Graph): Graph {
  const uses = countUses(graph)
  const fused = new Map<Value, NodeOf<'map'>>()
  const patch = new Map<Value, Value>()
  for (const node of nodesOf(graph)) {
    if (node.op !== 'map') continue
    const [result] = node.results
    const count = elementCount(result!.type.shape)
    // One product's finish is joined to this map. Others stay with their own products, which then need no raw sums in memory.
    const finishing = node.operands.filter((o) => fused.has(o) && readsProduct(fused.get(o)!))
    const last = readsProduct(node) ? undefined : finishing.at(-1)
    const inlined = (operand: Value): NodeOf<'map'> | undefined => {
      const inner = fused.get(operand)
      const single = uses.get(operand) === 1 && elementCount(operand.type.shape) === count
      if (!inner || !single) return undefined
      return !readsProduct(inner) || (operand === last && !widens(operand, result!)) ? inner : undefined
    }
    let { values, expr } = fuse(node, inlined)
    if (values.length > mostOperands) ({ values, expr } = fuse(node, () => undefined))
    const changed = values.length !== node.operands.length || values.some((v, i) => v !== node.operands[i])
    const replacement = changed ? new Builder(node.origin).map(values, () => expr) : result!
    if (changed) patch.set(result!, replacement)
    if (replacement.node.op === 'map') fused.set(result!, replacement.node)
  }
  return applyPatch(graph, patch)
}
