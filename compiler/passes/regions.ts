/**
 * Optimises the graphs within nodes.
 * Before: any graph. After: all passes have run on every region; constants that a region took from outside stand in it,
 * and it takes each other value once and none that it does not use.
 */
import { Builder } from '../core/builder.ts'
import { applyPatch, countUses, nodesOf, regionsOf, type Graph, type Node, type Value } from '../core/graph.ts'
import { withRegions } from '../core/region.ts'

/** Values that regions take from outside are a node's last operands, and the last inputs of each region. */
const capturedCount = (node: Node): number =>
  node.op === 'while'
    ? node.attrs.body.inputs.length - 1 - node.attrs.carried - node.attrs.scanInputs.length
    : node.operands.length - 1

function optimize(node: Node, run: (graph: Graph) => Graph): Node {
  const count = capturedCount(node)
  const own = node.operands.length - count
  const captured = node.operands.slice(own)
  const optimized = regionsOf(node).map((region) => {
    const first = region.inputs.length - count
    const patch = new Map<Value, Value>()
    captured.forEach((value, i) => {
      const input = region.inputs[first + i]!.value
      const twin = captured.indexOf(value)
      if (value.node.op === 'constant') patch.set(input, new Builder(node.origin).constant(value.node.attrs.value))
      else if (twin < i) patch.set(input, region.inputs[first + twin]!.value)
    })
    return run(applyPatch(region, patch))
  })
  const uses = optimized.map(countUses)
  const isUsed = (i: number): boolean =>
    optimized.some(({ inputs }, k) => uses[k]!.has(inputs[inputs.length - count + i]!.value))
  const kept = captured.map((_, i) => isUsed(i))
  const regions = optimized.map(({ inputs, outputs }) => ({
    inputs: inputs.filter((_, i) => i < inputs.length - count || kept[i - (inputs.length - count)]),
    outputs,
  }))
  return withRegions(node, [...node.operands.slice(0, own), ...captured.filter((_, i) => kept[i])], regions)
}

export function optimizeRegions(graph: Graph, run: (graph: Graph) => Graph): Graph {
  const patch = new Map<Value, Value>()
  for (const node of nodesOf(graph)) {
    if (regionsOf(node).length === 0) continue
    const optimized = optimize(node, run)
    node.results.forEach((r, i) => patch.set(r, optimized.results[i]!))
  }
  return applyPatch(graph, patch)
}
