/**
 * Replaces values that depend on constants alone by constants.
 * Before: any graph. After: no node has only constant operands, except where its result would be larger than its
 * operands by more than `growthLimit` (a broadcast of a constant stays a broadcast) or cost more than evaluation may.
 * Dequantized bytes and views of them stay so from `storedLimit` on: they are stored that way to be small. Floats of 16 bits become
 * f32 whatever their number: modules store those in 2 bytes again (schedule/memory/halves.ts).
 */
import { Builder } from '../core/builder.ts'
import { constantOf } from '../core/evaluate.ts'
import { applyPatch, nodesOf, type Graph, type Node, type Value } from '../core/graph.ts'
import { sameShape } from '../core/shape.ts'
import { typeBytes } from '../core/tensor.ts'
import { dequantizer } from '../core/analysis/dequantized.ts'

const growthLimit = 1 << 14
const storedLimit = 1 << 10

export const foldConstants = (graph: Graph): Graph => folded(graph, storedLimit, isWidenedHalf)

/** The same for other compilers, but for dequantized bytes, however few: products of integers are found by them. */
export const foldUnstored = (graph: Graph): Graph => folded(graph, -Infinity, () => false)

/** Whether the node is floats of 16 bits as f32. */
const isWidenedHalf = (node: Node): boolean =>
  node.op === 'map' &&
  node.attrs.expr.kind === 'convert' &&
  node.attrs.expr.dtype === 'f32' &&
  node.attrs.expr.x.kind === 'arg' &&
  (node.attrs.expr.x.dtype === 'f16' || node.attrs.expr.x.dtype === 'bf16') &&
  sameShape(node.operands[0]!.type.shape, node.results[0]!.type.shape)

function folded(graph: Graph, storedLimit: number, storedSmall: (node: Node) => boolean): Graph {
  const patch = new Map<Value, Value>()
  const dequantizedOf = dequantizer()
  for (const node of nodesOf(graph)) {
    if (node.op === 'constant' || node.op === 'input') continue
    const stored = dequantizedOf(node.results[0]!)
    const before = (stored ? [stored.q] : node.operands).reduce((sum, o) => sum + typeBytes(o.type), 0)
    const limit = stored ? storedLimit : growthLimit
    for (const result of node.results) {
      if (typeBytes(result.type) > before + limit && !storedSmall(node)) continue
      const value = constantOf(result)
      if (value) patch.set(result, new Builder(node.origin).constant(value))
    }
  }
  return applyPatch(graph, patch)
}
