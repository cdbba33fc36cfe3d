/**
 * Joins views of views.
 * Before: any graph. After: no reshape reads a reshape, no transpose a transpose, no slice a slice; a transpose that
 * moves only axes of length 1 is a reshape; a view that changes nothing is gone.
 */
import { Builder } from '../core/builder.ts'
import { applyPatch, nodesOf, type Graph, type Value } from '../core/graph.ts'
import { sameShape } from '../core/shape.ts'

/** Whether the permutation keeps the order of all axes longer than 1. */
export function movesOnlyUnitAxes(shape: readonly number[], perm: readonly number[]): boolean {
  const moved = perm.filter((p) => shape[p] !== 1)
  return moved.every((p, i) => i === 0 || p > moved[i - 1]!)
}

export function composeViews(graph: Graph): Graph {
  const patch = new Map<Value, Value>()
  const latest = (v: Value): Value => patch.get(v) ?? v
  for (const node of nodesOf(graph)) {
    const [result] = node.results
    const b = new Builder(node.origin)
    const replaced = ((): Value | undefined => {
      if (node.op === 'reshape') {
        const x = latest(node.operands[0]!)
        const source = x.node.op === 'reshape' ? x.node.operands[0]! : x
        return b.reshape(source, node.attrs.shape)
      }
      if (node.op === 'transpose') {
        const x = latest(node.operands[0]!)
        const inner = x.node.op === 'transpose' ? x.node : undefined
        const source = inner ? inner.operands[0]! : x
        const perm = inner ? node.attrs.perm.map((p) => inner.attrs.perm[p]!) : node.attrs.perm
        if (!movesOnlyUnitAxes(source.type.shape, perm)) return b.transpose(source, perm)
        const flat = source.node.op === 'reshape' ? source.node.operands[0]! : source
        return b.reshape(flat, result!.type.shape)
      }
      if (node.op === 'slice') {
        const x = latest(node.operands[0]!)
        const { start, shape, strides } = node.attrs
        if (x.node.op !== 'slice') return sameShape(shape, x.type.shape) ? b.slice(x, start, shape, strides) : undefined
        const inner = x.node.attrs
        return b.slice(
          x.node.operands[0]!,
          start.map((s, i) => inner.start[i]! + s * inner.strides[i]!),
          shape,
          strides.map((s, i) => s * inner.strides[i]!),
        )
      }
      return undefined
    })()
    if (!replaced || replaced === result) continue
    const same = replaced.node.op === node.op && replaced.node.operands[0] === node.operands[0]
    if (!same) patch.set(result!, replaced)
  }
  return applyPatch(graph, patch)
}
