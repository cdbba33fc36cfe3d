import type { TensorType } from '../../../../core/tensor.ts'
import type { Emitter } from '../../emitter.ts'
import type { Edge, OnnxGraph } from '../../graph.ts'

/** An input of a graph within a node. */
export const argument = (type: TensorType): Edge => ({ type, from: { kind: 'input' } })

/** What `e` has made as a graph within a node. Its outputs are results of its own nodes, each once. */
export function closed(e: Emitter, inputs: readonly Edge[], results: readonly Edge[]): OnnxGraph {
  const own = new Set(e.nodes)
  const taken = new Set<Edge>()
  const outputs = results.map((edge) => {
    const isOwn = edge.from.kind === 'node' && own.has(edge.from.node) && !taken.has(edge)
    const output = isOwn ? edge : e.node('Identity', [edge], edge.type)
    taken.add(output)
    return { edge: output }
  })
  return { inputs, outputs, nodes: e.nodes }
}
