import { Builder } from '../core/builder.ts'
import type { TypedArray } from '../core/dtype.ts'
import { applyPatch, type Graph, type Value } from '../core/graph.ts'
import { tensor, type Tensor } from '../core/tensor.ts'
import type { TrainableModel } from './model.ts'
import { statisticsOf } from './step.ts'

/** Every tensor of a model that training may change, with its value before. */
export const tensorsOf = (
  model: TrainableModel,
): { readonly name: string; readonly value: Value; readonly start: Tensor }[] => [
  ...model.parameters,
  ...statisticsOf(model.normalizations),
]

/** The inference graph with the values that training found, as constants. `names` tells what they are called. */
export function trainedGraph(
  model: TrainableModel,
  values: Readonly<Record<string, TypedArray>>,
): { readonly graph: Graph; readonly names: ReadonlyMap<Value, string> } {
  const b = new Builder(undefined)
  const names = new Map<Value, string>()
  const patch = new Map<Value, Value>()
  for (const { name, value, start } of tensorsOf(model)) {
    const constant = b.constant(tensor(start.dtype, start.shape, values[name]!))
    names.set(constant, name)
    patch.set(value, constant)
  }
  const { inputs, outputs } = applyPatch(model.graph, patch)
  return { graph: { inputs: inputs.filter(({ name }) => model.data.includes(name)), outputs }, names }
}
