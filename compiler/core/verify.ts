/**
 * What holds for every graph between two phases:
 * 1. each result's type is what the op's `type` facet derives from its operands and attributes;
 * 2. operands are results of the node they name, and no node depends on itself;
 * 3. dimensions are integers, not negative, and no tensor exceeds `maxElements`;
 * 4. graph inputs are values of `input` nodes, every reachable `input` node is among them, and port names are unique;
 * 5. a constant's data has as many elements as its shape;
 * 6. an output of data-dependent size names an output of type i32[] for each such axis of its own; so is one with a limit;
 * 7. all of this holds for a node's regions, which reach nothing outside themselves (by 4).
 */
import { CompileError, type Diagnostic } from './diagnostics/diagnostic.ts'
import { nodesOf, regionsOf, type Graph, type Node } from './graph.ts'
import { facetsOf } from './ops/index.ts'
import { elementCount } from './shape.ts'
import { formatType, sameType, type TensorType } from './tensor.ts'

/** 2^31: one wasm memory of 32-bit addresses holds no more bytes than twice that. */
export const maxElements = 2 ** 31

function checkNode(node: Node, position: ReadonlyMap<Node, number>): string[] {
  const found: string[] = []
  node.operands.forEach((o, i) => {
    if (o.node.results[o.index] !== o) found.push(`operand ${i} is not a result of its node`)
    if (position.get(o.node)! >= position.get(node)!) found.push(`operand ${i} does not come before its user`)
  })
  let types: readonly TensorType[]
  try {
    types = facetsOf(node.op).type(
      node.operands.map((o) => o.type),
      node.attrs,
    )
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    return [...found, error.message]
  }
  node.results.forEach((r, i) => {
    if (!types[i] || !sameType(types[i], r.type)) found.push(`result ${i} is ${formatType(r.type)}`)
    const { shape } = r.type
    const legal = shape.every((d) => Number.isInteger(d) && d >= 0) && elementCount(shape) <= maxElements
    if (!legal) found.push(`result ${i} has shape [${shape.join(',')}]`)
  })
  if (node.op === 'constant' && node.attrs.value.data.length !== elementCount(node.attrs.value.shape)) {
    found.push('data and shape of the constant differ in size')
  }
  return found
}

/** Throws a CompileError (A601) that lists every broken invariant. */
export function verify(graph: Graph): void {
  const found = check(graph)
  if (found.length > 0) throw new CompileError(found)
}

function check(graph: Graph): Diagnostic[] {
  const nodes = nodesOf(graph)
  const position = new Map(nodes.map((node, i) => [node, i]))
  const found: Diagnostic[] = []
  const report = (message: string, origin: Node['origin']): void =>
    void found.push({ code: 'A601', message, ...(origin && { origin }) })
  const inputs = new Set(graph.inputs.map((port) => port.value.node))
  for (const node of nodes) {
    for (const message of checkNode(node, position)) report(`${node.op}: ${message}`, node.origin)
    for (const region of regionsOf(node)) check(region).forEach((diagnostic) => found.push(diagnostic))
    if ((node.op === 'input') !== inputs.has(node))
      report(`${node.op} ${node.op === 'input' ? 'is not' : 'is'} a graph input`, node.origin)
  }
  for (const ports of [graph.inputs, graph.outputs]) {
    if (new Set(ports.map((p) => p.name)).size !== ports.length) report('port names repeat', undefined)
  }
  const types = new Map(graph.outputs.map((port) => [port.name, port.value.type]))
  const isCount = (type: TensorType | undefined): boolean => !!type && sameType(type, { dtype: 'i32', shape: [] })
  for (const { name, value, extents = [], limit } of graph.outputs) {
    const ascend = extents.every(({ axis }, i) => i === 0 || axis > extents[i - 1]!.axis)
    const known = extents.every(({ axis, count }) => axis in value.type.shape && isCount(types.get(count)))
    if (!known || !ascend) report(`output "${name}" has no such extents`, undefined)
    if (limit && !isCount(value.type)) report(`output "${name}" has a limit and is no count`, undefined)
  }
  return found
}
