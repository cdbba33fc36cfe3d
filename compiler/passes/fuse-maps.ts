/**
 * Joins maps: a map takes the expression of a map it reads, where that one has no other user and as many elements, and
 * constants of one element become part of the expression.
 * Before: any graph. After: no map reads a map that only it uses and that is not broadcast, short of `mostOperands` and
 * `mostParts` and but for maps that finish a second product; each operand of a map is named once.
 */
import { Builder } from '../core/builder.ts'
import { byteSize, isStorageOnly } from '../core/scalar/dtype.ts'
import { arg, constant, mostParts, parts, replaceParts, type Expr } from '../core/scalar/expr.ts'
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

/** A map and the maps that it takes in. */
interface Joined {
  readonly node: NodeOf<'map'>
  /** By the operand that each computes. */
  readonly inner: ReadonlyMap<Value, Joined>
  /** Operands of all together, each once, in the order their expressions name them. */
  readonly values: readonly Value[]
  /** Distinct parts of the expression at most. */
  readonly size: number
}

const isProduct = ({ node }: Value): boolean => node.op === 'convolution' || node.op === 'dot_general'

/** What was brought to 8 bits is stored in them, rather than in what its reader makes of it. */
const widens = (from: Value, to: Value): boolean => byteSize(from.type.dtype) === 1 && byteSize(to.type.dtype) > 1

function join(node: NodeOf<'map'>, taken: (operand: Value) => Joined | undefined): Joined {
  const all = parts(node.attrs.expr)
  const named = all.flatMap((e) => (e.kind === 'arg' ? [node.operands[e.index]!] : []))
  const inner = new Map<Value, Joined>()
  for (const operand of named) {
    const joined = taken(operand)
    if (joined) inner.set(operand, joined)
  }
  const values = named.flatMap((operand) => inner.get(operand)?.values ?? [operand])
  return {
    node,
    inner,
    values: withoutScalars([...new Set(values)], node.results[0]!.type.shape),
    size: [...inner.values()].reduce((sum, { size }) => sum + size, Math.max(1, all.length - inner.size)),
  }
}

/** `values` without constants of one element, which fit into the expression, as long as the rest has the result's shape. */
function withoutScalars(values: readonly Value[], shape: Shape): readonly Value[] {
  const remaining = values.filter((v) => scalarConstant(v) === undefined)
  const rest = broadcastShapes(remaining.map((v) => v.type.shape))
  return rest && sameShape(rest, shape) ? remaining : values
}

/** The expression of all that was joined, over operands at `places`. */
function expressionOf({ node, inner }: Joined, places: ReadonlyMap<Value, number>): Expr {
  return replaceParts(node.attrs.expr, (e) => {
    if (e.kind !== 'arg') return undefined
    const operand = node.operands[e.index]!
    const joined = inner.get(operand)
    if (joined) return expressionOf(joined, places)
    const place = places.get(operand)
    return place === undefined ? scalarConstant(operand) : arg(place, e.dtype)
  })
}

function replacementOf(joined: Joined): Value | undefined {
  const { node, inner, values } = joined
  const { operands, origin } = node
  if (inner.size === 0 && values.length === operands.length && values.every((v, i) => v === operands[i]))
    return undefined
  const places = new Map(values.map((value, i) => [value, i]))
  return new Builder(origin).map(values, () => expressionOf(joined, places))
}

export function fuseMaps(graph: Graph): Graph {
  const uses = countUses(graph)
  const joined = new Map<Value, Joined>()
  const taken = new Set<Joined>()
  const readsProduct = ({ values }: Pick<Joined, 'values'>): boolean => values.some(isProduct)
  for (const node of nodesOf(graph)) {
    if (node.op !== 'map') continue
    const [result] = node.results
    const count = elementCount(result!.type.shape)
    // One product's finish is joined to this map. Others stay with their own products, which then need no raw sums in memory.
    const finishing = node.operands.filter((o) => joined.has(o) && readsProduct(joined.get(o)!))
    const last = node.operands.some(isProduct) ? undefined : finishing.at(-1)
    const candidate = (operand: Value): Joined | undefined => {
      const inner = joined.get(operand)
      const single = uses.get(operand) === 1 && elementCount(operand.type.shape) === count
      if (!inner || !single) return undefined
      return !readsProduct(inner) || (operand === last && !widens(operand, result!)) ? inner : undefined
    }
    const whole = join(node, candidate)
    const fits = whole.values.length <= mostOperands && whole.size <= mostParts
    const chosen = fits ? whole : join(node, () => undefined)
    joined.set(result!, chosen)
    chosen.inner.forEach((inner) => taken.add(inner))
  }
  const patch = new Map<Value, Value>()
  for (const [result, map] of joined) {
    const replacement = taken.has(map) ? undefined : replacementOf(map)
    if (replacement) patch.set(result, replacement)
  }
  return applyPatch(graph, patch)
}
