import type { TypedArray } from '../../core/scalar/dtype.ts'
import { graphsIn, nodesIn, type Edge, type OnnxGraph, type OnnxNode } from './graph.ts'

/** What initializers of an operator are called, by input. */
const roles: Readonly<Record<string, readonly string[]>> = {
  Conv: ['', 'weight', 'bias'],
  ConvTranspose: ['', 'weight', 'bias'],
  ConvInteger: ['', 'weight'],
  MatMul: ['weight', 'weight'],
  MatMulInteger: ['weight', 'weight'],
  Gemm: ['weight', 'weight', 'bias'],
  LayerNormalization: ['', 'scale', 'bias'],
  QuantizeLinear: ['', 'scale', 'zero_point'],
  DequantizeLinear: ['weight', 'scale', 'zero_point'],
  Reshape: ['', 'shape'],
  Expand: ['', 'shape'],
}

/** Names given from outside, of the data of tensors, whatever their shape, and of what edges compute. */
export interface GivenNames {
  readonly tensors: ReadonlyMap<TypedArray, string>
  readonly edges: ReadonlyMap<Edge, string>
}

export interface Names {
  readonly nodes: ReadonlyMap<OnnxNode, string>
  readonly edges: ReadonlyMap<Edge, string>
}

/**
 * A name for every node and edge. A node has that of the node it came from where it is the only one, else the operator is added; edges
 * are called like their nodes, initializers like who reads them first. Each name stands once, in inner graphs too.
 */
export function nameAll(graph: OnnxGraph, given: GivenNames): Names {
  const nodes = new Map<OnnxNode, string>()
  const edges = new Map<Edge, string>()
  const [takenNodes, takenEdges] = [new Set<string>(), new Set<string>()]
  const fixed = (edge: Edge, name: string): void => {
    edges.set(edge, name)
    takenEdges.add(name)
  }
  for (const edge of graph.inputs) if (edge.from.kind === 'input') fixed(edge, edge.from.name!)
  for (const { edge, name } of graph.outputs) if (!edges.has(edge)) fixed(edge, name!)
  const counts = new Map<string, number>()
  for (const { origin } of nodesIn(graph)) if (origin) counts.set(origin.node, (counts.get(origin.node) ?? 0) + 1)
  const nodeName = ({ operator, origin }: OnnxNode): string => {
    if (!origin || origin.node.startsWith('#')) return unique(operator, takenNodes)
    return unique(counts.get(origin.node) === 1 ? origin.node : `${origin.node}/${operator}`, takenNodes)
  }
  const nameEdge = (edge: Edge, name: string): void => {
    if (edges.has(edge)) return
    const own = edge.from.kind === 'stored' ? given.tensors.get(edge.from.tensor.data) : undefined
    edges.set(edge, unique(own ?? given.edges.get(edge) ?? name, takenEdges))
  }
  const visit = (within: OnnxGraph): void => {
    for (const node of within.nodes) {
      const name = nodeName(node)
      nodes.set(node, name)
      node.inputs.forEach((edge, i) => {
        if (edge?.from.kind === 'stored') nameEdge(edge, `${name}.${roles[node.operator]?.[i] ?? i}`)
      })
      node.outputs.forEach((edge, i) => nameEdge(edge, i === 0 ? name : `${name}:${i}`))
      for (const inner of graphsIn(node)) {
        inner.inputs.forEach((edge, i) => nameEdge(edge, `${name}.in${i}`))
        visit(inner)
      }
    }
  }
  visit(graph)
  return { nodes, edges }
}

const nextNumbers = new WeakMap<Set<string>, Map<string, number>>()

/** `name`, or with a number behind it if it is taken. */
function unique(name: string, taken: Set<string>): string {
  const numbers = nextNumbers.get(taken) ?? new Map<string, number>()
  nextNumbers.set(taken, numbers)
  let result = name
  let number = numbers.get(name) ?? 2
  while (taken.has(result)) result = `${name}_${number++}`
  numbers.set(name, number)
  taken.add(result)
  return result
}
