import { fail } from '../core/diagnostics/diagnostic.ts'
import {
  allNodesOf,
  applyPatch,
  createNode,
  nodesOf,
  regionsOf,
  type Graph,
  type Node,
  type Port,
  type Value,
} from '../core/graph.ts'
import { regionArgument, withRegions } from '../core/region.ts'

/**
 * `graph` with constants as inputs, which follow its own, by the names given. Constants are told by their nodes; in loops and branches,
 * too, they are inputs then. A501 for a name that an input has already, a TypeError for a value that is no constant.
 */
export function withParameters(graph: Graph, constants: ReadonlyMap<string, Value>): Graph {
  const taken = new Set(graph.inputs.map((port) => port.name))
  const inputs = [...constants].map(([name, { node, type }]): Port => {
    if (taken.has(name)) fail('A501', `the graph has an input "${name}" already`)
    if (node.op !== 'constant') throw new TypeError(`"${name}" is a ${node.op}, not a constant`)
    return { name, value: createNode('input', [], { name, type }, node.origin).results[0]! }
  })
  const patch = new Map([...constants.values()].map((constant, i) => [constant, inputs[i]!.value]))
  const { outputs } = replaced(graph, patch)
  return { inputs: [...graph.inputs, ...inputs], outputs }
}

/** `graph` with values in place of constants, in its regions as well. */
function replaced(graph: Graph, constants: ReadonlyMap<Value, Value>): Graph {
  const patch = new Map(constants)
  for (const node of nodesOf(graph)) {
    const within = new Set(regionsOf(node).flatMap(allNodesOf))
    const used = [...constants.keys()].filter((constant) => within.has(constant.node))
    if (used.length === 0) continue
    const { results } = taking(node, used)
    node.results.forEach((result, i) => patch.set(result, results[i]!))
  }
  return applyPatch(graph, patch)
}

/** A node with regions, which take `constants` from outside. What they take stands last among operands and inputs. */
function taking(node: Node, constants: readonly Value[]): Node {
  const regions = regionsOf(node).map((region): Graph => {
    const own = constants.map(({ type }) => regionArgument(type.dtype, type.shape))
    const { inputs, outputs } = replaced(region, new Map(constants.map((constant, i) => [constant, own[i]!])))
    const ports = [...inputs.map((port) => port.value), ...own].map((value, i) => ({ name: `p${i}`, value }))
    return { inputs: ports, outputs }
  })
  return withRegions(node, [...node.operands, ...constants], regions)
}
