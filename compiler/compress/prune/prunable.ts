import type { Graph, Value } from '../../core/graph.ts'
import type { Parameter, TrainableModel } from '../../train/index.ts'
import { withParameters } from '../../transform/parameters.ts'

/** A graph with weights by name as a model whose channels can go. All of its inputs and outputs stay as they are. */
export function prunableModel(graph: Graph, weights: ReadonlyMap<string, Value>): TrainableModel {
  const own = withParameters(graph, weights)
  const values = new Map(own.inputs.map(({ name, value }) => [name, value]))
  const parameters = [...weights].map(([name, { node }]): Parameter => {
    if (node.op !== 'constant') throw new TypeError(`"${name}" is a ${node.op}, not a constant`)
    return { name, value: values.get(name)!, start: node.attrs.value, decays: false }
  })
  return {
    graph: own,
    data: graph.inputs.map(({ name }) => name),
    ...{ parameters, normalizations: [], dropouts: [], scores: own.outputs[0]!.value, activation: undefined },
  }
}
