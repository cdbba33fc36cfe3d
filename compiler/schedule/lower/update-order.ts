import { nodesOf, topological, type Graph, type Node, type Value } from '../../core/graph.ts'
import type { State } from '../program/program.ts'

/**
 * The order in which a graph's nodes are lowered: what a state needs that comes early in the graph, first. Of a training step these
 * are the updates of the last layer, after which nothing reads its activations any more. `settled` are the states' next values
 * that may be computed once a node is lowered, since nothing behind it reads the old ones.
 */
export function updateOrder(
  graph: Graph,
  states: readonly State[],
): { order: readonly Node[]; settled: ReadonlyMap<Node, readonly Value[]> } {
  if (states.length === 0) return { order: nodesOf(graph), settled: new Map() }
  const { inputs, outputs } = graph
  const nexts = new Set(states.map(({ next }) => next))
  const depth = depths(nodesOf(graph))
  const of = ({ value }: { readonly value: Value }): number => depth.get(value.node)!
  const updates = outputs.filter(({ name }) => nexts.has(name)).sort((a, b) => of(a) - of(b))
  const others = outputs.filter(({ name }) => !nexts.has(name))
  const order = topological([...inputs, ...updates, ...others].map(({ value }) => value))
  const lastReader = lastReaders(order)
  const settled = new Map<Node, Value[]>()
  for (const state of states) {
    const old = inputs.find(({ name }) => name === state.input)!.value.node
    const { value } = outputs.find(({ name }) => name === state.next)!
    const at = order[Math.max(lastReader.get(old)!, lastReader.get(value.node)!)]!
    settled.set(at, [...(settled.get(at) ?? []), value])
  }
  return { order, settled }
}

/** Ops that compute nothing before somebody wants their result in memory. */
const lazyOps: ReadonlySet<string> = new Set(['map', 'reshape', 'transpose', 'broadcast_in_dim', 'slice'])

/** The position of the last node that reads each node's results, as they are or through lazy ops; its own where none does. */
function lastReaders(order: readonly Node[]): Map<Node, number> {
  const last = new Map<Node, number>()
  for (let i = order.length - 1; i >= 0; i--) {
    const node = order[i]!
    const own = Math.max(i, last.get(node) ?? i)
    last.set(node, own)
    const reads = lazyOps.has(node.op) ? own : i
    for (const { node: operand } of node.operands) last.set(operand, Math.max(reads, last.get(operand) ?? 0))
  }
  return last
}

/** How many nodes stand one behind the other up to each, which come in topological order. */
function depths(nodes: readonly Node[]): Map<Node, number> {
  const result = new Map<Node, number>()
  for (const node of nodes) {
    result.set(
      node,
      node.operands.reduce((most, { node: operand }) => Math.max(most, result.get(operand)! + 1), 0),
    )
  }
  return result
}
