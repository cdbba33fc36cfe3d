import { isInteger, type Scalar } from '../scalar/dtype.ts'
import { literal, type Expr } from '../scalar/expr.ts'
import { nodesOf, type Graph, type Value } from '../graph.ts'
import { reader, type Tensor } from '../tensor.ts'

/** The least and the greatest value, both included. */
export type Range = readonly [low: number, high: number]

/**
 * Of a graph's inputs that are places in tables, by name: what they may be so that every place is inside. Found are inputs of
 * integers that reach the indices of a gather along one axis as they are: through other integer types and shapes, through
 * what makes negative places count from the end, and joined with others. What clamps or computes ends the search, and so does
 * a part of an input. Gathers within loops and branches are not looked at.
 */
export function lookupRanges(graph: Graph): Map<string, Range> {
  const found = new Map<string, Range>()
  for (const node of nodesOf(graph)) {
    if (node.op !== 'gather' || node.attrs.startIndexMap.length !== 1) continue
    const [table, indices] = node.operands
    const axis = node.attrs.startIndexMap[0]!
    const high = table!.type.shape[axis]! - node.attrs.sliceSizes[axis]!
    for (const [name, [low]] of sources(indices!)) {
      const before = found.get(name) ?? [-Infinity, Infinity]
      found.set(name, [Math.max(before[0], low), Math.min(before[1], high)])
    }
  }
  return found
}

/** The first element of a tensor that is outside of a range, and where it stands in row-major order. */
export function outsideOf(t: Tensor, [low, high]: Range): { readonly id: Scalar; readonly at: number } | undefined {
  const read = reader(t)
  for (let at = 0; at < t.data.length; at++) {
    const id = read(at)
    if (id < low || id > high) return { id, at }
  }
  return undefined
}

/** The inputs whose elements `value` has, each with the least that its elements may be. */
function sources(value: Value): Map<string, readonly [low: number]> {
  const found = new Map<string, readonly [low: number]>()
  const seen = new Map<Value, number>()
  const visit = (at: Value, low: number): void => {
    // Again only for a stricter bound.
    if (!isInteger(at.type.dtype) || low <= (seen.get(at) ?? -Infinity)) return
    seen.set(at, low)
    const { node } = at
    switch (node.op) {
      case 'input':
        found.set(node.attrs.name, [low])
        break
      case 'reshape':
      case 'transpose':
      case 'broadcast_in_dim':
      case 'concatenate':
        for (const operand of node.operands) visit(operand, low)
        break
      case 'map': {
        if (node.operands.length !== 1) break
        const size = wrapped(node.attrs.expr)
        if (size !== undefined) visit(node.operands[0]!, low - size)
      }
    }
  }
  visit(value, 0)
  return found
}

const isArgument = (e: Expr): boolean =>
  (e.kind === 'arg' && isInteger(e.dtype)) || (e.kind === 'convert' && isInteger(e.dtype) && isArgument(e.x))

/** n of `x < 0 ? x + n : x`, 0 of x itself; undefined of anything else. */
export function wrapped(e: Expr): number | undefined {
  if (isArgument(e)) return 0
  if (e.kind !== 'select' || !isArgument(e.b)) return undefined
  const { cond, a } = e
  const isNegative = cond.kind === 'binary' && cond.op === 'lt' && isArgument(cond.a) && literal(cond.b) === 0
  const isMoved = a.kind === 'binary' && a.op === 'add' && isArgument(a.a) && literal(a.b) > 0
  return isNegative && isMoved ? literal(a.b) : undefined
}
