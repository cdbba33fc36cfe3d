/**
 * Recognizes operators that a person would expect in compositions of simpler ones.
 * Before: any ONNX graph. After: the same results, by fewer nodes; those that nothing reads are gone.
 */
import { graphsIn, nodesIn, type Attribute, type Edge, type OnnxGraph, type OnnxNode } from '../graph.ts'
import { averagePool } from './average-pool.ts'
import { bias } from './bias.ts'
import { clip, relu } from './clip.ts'
import { layerNormalization } from './layer-normalization.ts'
import { keptAxes, mean } from './mean.ts'
import type { Pattern, Uses } from './pattern.ts'
import { dequantizeLinear, quantizeLinear } from './quantization.ts'
import { sigmoid } from './sigmoid.ts'
import { softmax } from './softmax.ts'

const patterns: readonly Pattern[] = [
  bias,
  relu,
  clip,
  keptAxes,
  mean,
  averagePool,
  sigmoid,
  softmax,
  layerNormalization,
  quantizeLinear,
  dequantizeLinear,
]

export function recognize(graph: OnnxGraph): OnnxGraph {
  const counts = new Map<Edge, number>()
  const use = (edge: Edge | undefined): void => void (edge && counts.set(edge, (counts.get(edge) ?? 0) + 1))
  const useOutputs = (g: OnnxGraph): void => g.outputs.forEach(({ edge }) => use(edge))
  useOutputs(graph)
  for (const node of nodesIn(graph)) {
    node.inputs.forEach(use)
    graphsIn(node).forEach(useOutputs)
  }
  const times = (edge: Edge | undefined): number => (edge && counts.get(edge)) ?? 0
  const uses: Uses = { times, once: (edge) => times(edge) === 1 }
  for (const node of nodesIn(graph)) {
    for (;;) {
      const found = firstOf(node, uses)
      if (!found) break
      node.operator = found.operator
      node.inputs = found.inputs
      node.attributes = found.attributes ?? {}
    }
  }
  return needed(graph)
}

function firstOf(node: OnnxNode, uses: Uses) {
  if (node.domain !== '') return undefined
  for (const pattern of patterns) {
    const found = pattern(node, uses)
    if (found) return found
  }
  return undefined
}

/** The graph without nodes that no output depends on. */
function needed(graph: OnnxGraph): OnnxGraph {
  const read = new Set<Edge>()
  const readAll = (g: OnnxGraph): void => {
    for (const { edge } of g.outputs) read.add(edge)
    for (const node of [...g.nodes].reverse()) {
      if (!node.outputs.some((edge) => read.has(edge))) continue
      for (const edge of node.inputs) if (edge) read.add(edge)
      graphsIn(node).forEach(readAll)
    }
  }
  readAll(graph)
  const cut = (g: OnnxGraph): OnnxGraph => ({
    ...g,
    nodes: g.nodes.filter((node) => {
      const isNeeded = node.outputs.some((edge) => read.has(edge))
      if (isNeeded && graphsIn(node).length > 0)
        node.attributes = Object.fromEntries(
          Object.entries(node.attributes).map(([key, a]): [string, Attribute] => [
            key,
            typeof a === 'object' && 'graph' in a ? { graph: cut(a.graph) } : a,
          ]),
        )
      return isNeeded
    }),
  })
  return cut(graph)
}
