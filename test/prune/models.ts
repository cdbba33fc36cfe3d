import { topological, type Graph, type Value } from '../../compiler/core/graph.ts'
import { couplings, masked, withoutGroups, type Couplings, type Group } from '../../compiler/compress/prune/index.ts'
import { evaluate } from '../../compiler/core/evaluate.ts'
import type { Tensor } from '../../compiler/core/tensor.ts'
import { verify } from '../../compiler/core/verify.ts'
import { tensorsOf, type TrainableModel } from '../../compiler/train/index.ts'
import { withParameters } from '../../compiler/transform/parameters.ts'

/** A graph whose constants of floats are parameters, as a model that can be trained; of several outputs. */
export function modelOf(graph: Graph): TrainableModel {
  const constants = topological(graph.outputs.map(({ value }) => value)).filter(
    (node) => node.op === 'constant' && node.results[0]!.type.dtype === 'f32',
  )
  const named = new Map(constants.map((node, i): [string, Value] => [`w${i}`, node.results[0]!]))
  const after = withParameters(graph, named)
  const parameters = [...named].map(([name, { node }]) => {
    const { value } = after.inputs.find((port) => port.name === name)!
    if (node.op !== 'constant') throw new TypeError('a constant')
    return { name, value, start: node.attrs.value, decays: true }
  })
  return {
    graph: after,
    data: graph.inputs.map(({ name }) => name),
    ...{ parameters, normalizations: [], dropouts: [], scores: after.outputs[0]!.value, activation: undefined },
  }
}

/** The outputs of a model for inputs, by the evaluator. */
export const outputsOf = (model: TrainableModel, inputs: Readonly<Record<string, Tensor>>): Record<string, Tensor> =>
  evaluate(model.graph, {
    ...inputs,
    ...Object.fromEntries(tensorsOf(model).map(({ name, start }) => [name, start])),
  })

/** Some groups of each layer, of which one stays. */
export function someOf({ groups }: Couplings, chosen: () => boolean): Group[] {
  const gone = new Map<object, number>()
  return groups.filter(({ positions }) => {
    if (!chosen() || [...positions].some(([axis, list]) => (gone.get(axis) ?? 0) + list.length >= axis.length))
      return false
    for (const [axis, list] of positions) gone.set(axis, (gone.get(axis) ?? 0) + list.length)
    return true
  })
}

/** The model with some of its groups masked, and without them. */
export function bothWays(model: TrainableModel, chosen: () => boolean) {
  const found = couplings(model)
  const groups = someOf(found, chosen)
  const removed = withoutGroups(model, found, groups)
  verify(removed.graph)
  return { found, groups, masked: masked(model, groups), removed }
}
