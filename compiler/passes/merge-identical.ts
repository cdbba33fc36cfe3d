/**
 * Common subexpression elimination.
 * Before: any graph. After: no two nodes without regions have the same op, attributes and operands, and no two small constants the same
 * type and data. Nodes with an effect do not exist.
 */
import { formatExpr } from '../core/scalar/expr.ts'
import { applyPatch, nodesOf, regionsOf, type Graph, type Node, type Value } from '../core/graph.ts'
import { bytesOf, formatType } from '../core/tensor.ts'

/** Larger constants are compared by identity alone. */
const largestConstant = 1 << 12

function attributesKey(node: Node): string | undefined {
  if (regionsOf(node).length > 0) return undefined
  if (node.op === 'map') return formatExpr(node.attrs.expr)
  if (node.op !== 'constant') return JSON.stringify(node.attrs)
  const bytes = bytesOf(node.attrs.value)
  return bytes.length <= largestConstant ? `${formatType(node.attrs.value)} ${bytes.join(',')}` : undefined
}

export function mergeIdentical(graph: Graph): Graph {
  const ids = new Map<Value, number>()
  const known = new Map<string, Node>()
  const patch = new Map<Value, Value>()
  const canonical = (v: Value): Value => patch.get(v) ?? v
  for (const node of nodesOf(graph)) {
    const attributes = node.op === 'input' ? undefined : attributesKey(node)
    const operands = node.operands.map((o) => ids.get(canonical(o)))
    const key = attributes === undefined ? undefined : `${node.op} ${operands.join(',')} ${attributes}`
    const twin = key === undefined ? undefined : known.get(key)
    if (twin) node.results.forEach((r, i) => patch.set(r, twin.results[i]!))
    else {
      if (key !== undefined) known.set(key, node)
      for (const r of node.results) ids.set(r, ids.size)
    }
  }
  return applyPatch(graph, patch)
}
