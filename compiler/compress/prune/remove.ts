import { createNode, type Port, type Value } from '../../core/graph.ts'
import type { KeptAxes } from '../../core/ops/facets.ts'
import { shortened } from '../../core/shorten.ts'
import { rowMajorStrides, walk } from '../../core/shape.ts'
import { pick, type Tensor } from '../../core/tensor.ts'
import type { TrainableModel } from '../../train/index.ts'
import type { Couplings, Group } from './coupling.ts'

/** The positions of each axis of a value that belong to groups, as flags. */
export function goneBy(groups: readonly Group[]): Map<Value, (Uint8Array | undefined)[]> {
  const gone = new Map<Value, (Uint8Array | undefined)[]>()
  for (const { positions } of groups) {
    for (const [{ value, axis, length }, list] of positions) {
      const own = gone.get(value) ?? value.type.shape.map(() => undefined)
      gone.set(value, own)
      const flags = (own[axis] ??= new Uint8Array(length))
      for (const position of list) flags[position] = 1
    }
  }
  return gone
}

export const left = (flags: Uint8Array): number[] => [...flags.keys()].filter((i) => !flags[i])

/** The model without groups of its channels, which `couplings` found in it: its graph, and what its parameters start from. */
export const withoutGroups = (model: TrainableModel, found: Couplings, groups: readonly Group[]): TrainableModel =>
  removal(model, found, groups).model

/** The same, with what became of each value of the graph. */
export function removal(model: TrainableModel, { nodes }: Couplings, groups: readonly Group[]) {
  if (groups.length === 0) return { model, now: (value: Value): Value => value }
  const kept = new Map<Value, KeptAxes>()
  for (const [value, axes] of goneBy(groups))
    kept.set(
      value,
      axes.map((flags) => flags && left(flags)),
    )
  const keptOf = (value: Value): KeptAxes => kept.get(value) ?? value.type.shape.map(() => undefined)
  const inputs = model.graph.inputs.map((port): Port => {
    const axes = kept.get(port.value)
    if (!axes) return port
    const { dtype, shape } = port.value.type
    const type = { dtype, shape: shape.map((length, i) => axes[i]?.length ?? length) }
    return { ...port, value: createNode('input', [], { name: port.name, type }, port.value.node.origin).results[0]! }
  })
  const now = shortened(nodes, {
    keptAt: ({ operands, results }) => ({ operands: operands.map(keptOf), results: results.map(keptOf) }),
    inLoops: true,
    given: new Map(model.graph.inputs.map(({ value }, i) => [value, inputs[i]!.value])),
  })
  const started = <T extends { readonly value: Value; readonly start: Tensor }>(tensor: T): T => ({
    ...tensor,
    value: now(tensor.value),
    start: pick(tensor.start, keptOf(tensor.value)),
  })
  const shorter: TrainableModel = {
    ...model,
    graph: { inputs, outputs: model.graph.outputs.map((port) => ({ ...port, value: now(port.value) })) },
    parameters: model.parameters.map(started),
    normalizations: model.normalizations.map(({ x, mean, variance, ...rest }) => ({
      ...{ ...rest, x: now(x), mean: started(mean), variance: started(variance) },
    })),
    dropouts: model.dropouts.map(({ x, value, ratio }) => ({ x: now(x), value: now(value), ratio })),
    scores: now(model.scores),
  }
  return { model: shorter, now }
}

/** The model with zeros in all that groups have of its parameters: it computes what the model without them does. */
export function masked(model: TrainableModel, groups: readonly Group[]): TrainableModel {
  const gone = goneBy(groups)
  const parameters = model.parameters.map((parameter) => {
    const axes = gone.get(parameter.value)
    return axes ? { ...parameter, start: zeroed(parameter.start, axes) } : parameter
  })
  return { ...model, parameters }
}

function zeroed({ dtype, shape, data }: Tensor, axes: readonly (Uint8Array | undefined)[]): Tensor {
  const own = data.slice()
  walk(shape, [rowMajorStrides(shape)], ([at], index) => {
    if (axes.some((flags, axis) => flags?.[index[axis]!])) own[at!] = 0
  })
  return { dtype, shape, data: own }
}
