import { createNode, topological, type Value } from '../../core/graph.ts'
import type { OpName } from '../../core/ops/index.ts'

/** `values` over others: `to` tells what takes the place of some values that they depend on. What those depend on is not entered. */
export function rebase(values: readonly Value[], to: ReadonlyMap<Value, Value>): Value[] {
  const made = new Map(to)
  const of = (value: Value): Value => made.get(value) ?? value
  for (const node of topological(values, ({ results }) => results.some((r) => to.has(r)))) {
    if (node.results.some((r) => to.has(r))) continue
    const operands = node.operands.map(of)
    if (operands.every((o, i) => o === node.operands[i])) continue
    const copy = createNode<OpName>(node.op, operands, node.attrs, node.origin)
    node.results.forEach((r, i) => made.set(r, copy.results[i]!))
  }
  return values.map(of)
}
