import { Builder } from '../../core/builder.ts'
import type { TypedArray } from '../../core/scalar/dtype.ts'
import { applyPatch, type Graph, type Port, type Value } from '../../core/graph.ts'
import type { Shape } from '../../core/shape.ts'
import { tensor, type Tensor } from '../../core/tensor.ts'
import { batch } from '../../transform/batch.ts'
import { statisticsOf, type TrainableModel } from './model.ts'
import { input } from './ports.ts'

/** Every tensor of a model that training may change, with its value before. */
export const tensorsOf = (
  model: TrainableModel,
): { readonly name: string; readonly value: Value; readonly start: Tensor }[] => [
  ...model.parameters,
  ...statisticsOf(model.normalizations),
]

/** The model with other values to start from. */
export function withValues(model: TrainableModel, values: Readonly<Record<string, TypedArray>>): TrainableModel {
  const started = <T extends { readonly name: string; readonly start: Tensor }>(own: T): T => ({
    ...own,
    start: tensor(own.start.dtype, own.start.shape, values[own.name]!),
  })
  return {
    ...model,
    parameters: model.parameters.map(started),
    normalizations: model.normalizations.map(({ mean, variance, ...rest }) => ({
      ...{ ...rest, mean: started(mean), variance: started(variance) },
    })),
  }
}

/** The inference graph with the values that training found, as constants. `names` tells what these are called. */
export function trainedGraph(
  model: TrainableModel,
  values: Readonly<Record<string, TypedArray>>,
): { readonly graph: Graph; readonly names: ReadonlyMap<Tensor, string> } {
  const b = new Builder(undefined)
  const names = new Map<Tensor, string>()
  const patch = new Map<Value, Value>()
  for (const { name, value, start } of tensorsOf(model)) {
    const found = tensor(start.dtype, start.shape, values[name]!)
    names.set(found, name)
    patch.set(value, b.constant(found))
  }
  const { inputs, outputs } = applyPatch(model.graph, patch)
  return { graph: { inputs: inputs.filter(({ name }) => model.data.includes(name)), outputs }, names }
}

/** The same with the values that training starts from. */
export const startingGraph = (model: TrainableModel): ReturnType<typeof trainedGraph> =>
  trainedGraph(model, Object.fromEntries(tensorsOf(model).map(({ name, start }) => [name, start.data])))

/** A shape with the batch as the first axis of what a sample has: [N, 1, …] to [N, …]. */
export const merged = ([size, first, ...rest]: Shape): Shape =>
  first === 1 ? [size!, ...rest] : [size!, first!, ...rest]

/** A graph of one sample for `size` of them: the first axis of inputs and outputs, where it is 1, becomes theirs. */
export function inferenceOf(graph: Graph, size: number): Graph {
  const b = new Builder(undefined)
  const several = batch(graph, size).graph
  const patch = new Map<Value, Value>()
  const inputs = several.inputs.map(({ name, value }): Port => {
    const { dtype, shape } = value.type
    const port = input(name, dtype, merged(shape))
    patch.set(value, b.reshape(port.value, shape))
    return port
  })
  const { outputs } = applyPatch(several, patch)
  return {
    inputs,
    outputs: outputs.map((port) => ({ ...port, value: b.reshape(port.value, merged(port.value.type.shape)) })),
  }
}
