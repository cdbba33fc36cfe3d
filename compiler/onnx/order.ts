import { fail } from '../core/diagnostics/diagnostic.ts'
import type { GraphProto, NodeProto } from './decode.ts'

/** Names that `graph` takes from the graphs around it. */
export function freeNames(graph: GraphProto): Set<string> {
  const own = new Set([...graph.inputs.map(({ name }) => name), ...graph.initializers.keys(), ...graph.strings.keys()])
  for (const node of graph.nodes) node.outputs.forEach((name) => own.add(name))
  const free = new Set<string>()
  const use = (name: string): void => void (name !== '' && !own.has(name) && free.add(name))
  for (const node of graph.nodes) readsOf(node).forEach(use)
  graph.outputs.forEach(({ name }) => use(name))
  return free
}

/** Names whose values a node needs, those that its subgraphs capture included. */
function readsOf(node: NodeProto): string[] {
  const captured = [...node.attributes.values()].flatMap((a) => (a.kind === 'graph' ? [...freeNames(a.value)] : []))
  return [...node.inputs.filter((name) => name !== ''), ...captured]
}

/** Names that `nodes` read or `outputs` name. */
export const namesRead = (nodes: readonly NodeProto[], outputs: readonly string[]): ReadonlySet<string> =>
  new Set([...outputs, ...nodes.flatMap(readsOf)])

/**
 * The nodes that `outputs` need, each after those it reads. ONNX wants them listed so, but not every exporter does.
 * `isKnown` tells names that are defined elsewhere. A102 for a name that nothing or several nodes define, A104 for a cycle.
 */
export function neededNodes(
  nodes: readonly NodeProto[],
  outputs: readonly string[],
  isKnown: (name: string) => boolean,
): NodeProto[] {
  const producers = new Map<string, NodeProto>()
  for (const node of nodes) {
    for (const name of node.outputs) {
      if (name === '') continue
      if (producers.has(name))
        fail('A102', `${describe(node)} and ${describe(producers.get(name)!)} both define "${name}"`)
      producers.set(name, node)
    }
  }
  const order: NodeProto[] = []
  const state = new Map<NodeProto, 'open' | 'done'>()
  const visit = (name: string, reader: string): void => {
    const stack: NodeProto[] = []
    const enter = (read: string, by: string): void => {
      const node = producers.get(read)
      if (!node && !isKnown(read)) fail('A102', `${by} reads "${read}", which nothing defines`)
      if (node && state.get(node) === 'open') fail('A104', `${describe(node)} depends on its own output "${read}"`)
      if (node && !state.has(node)) stack.push(node)
    }
    enter(name, reader)
    while (stack.length > 0) {
      const node = stack.at(-1)!
      if (!state.has(node)) {
        state.set(node, 'open')
        // The first read is to come first, so it is pushed last.
        readsOf(node)
          .reverse()
          .forEach((read) => enter(read, describe(node)))
        continue
      }
      stack.pop()
      if (state.get(node) === 'open') order.push(node)
      state.set(node, 'done')
    }
  }
  outputs.forEach((name) => visit(name, 'the graph'))
  return order
}

const describe = (node: NodeProto): string => `${node.operator} "${node.name}"`
