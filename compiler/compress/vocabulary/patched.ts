import { applyPatch, type Graph, type Node, type Value } from '../../core/graph.ts'
import type { PortNames } from '../../core/artefact/artefact.ts'
import type { Tensor } from '../../core/tensor.ts'

/** A model whose graph can be rewritten: an imported one, with what training needs to know of it. */
export interface Patchable {
  readonly graph: Graph
  readonly names: PortNames
  readonly metadata: Readonly<Record<string, string>>
  readonly tensorNames: ReadonlyMap<Tensor, string>
  readonly training: {
    readonly trainable: ReadonlyMap<string, Value>
    readonly normalizations: readonly { readonly x: Value; readonly y: Value }[]
    readonly dropouts: readonly { readonly x: Value; readonly y: Value }[]
  }
}

const tensorOf = (node: Node): Tensor => {
  if (node.op !== 'constant') throw new TypeError(`a ${node.op} is no stored tensor`)
  return node.attrs.value
}

/** The model with `patch` applied to its graph, in which `constants` stand for stored tensors; the places that training changes are in it. */
export function patched<M extends Patchable>(
  model: M,
  patch: ReadonlyMap<Value, Value>,
  constants: ReadonlyMap<Value, Value>,
): M {
  const { graph, training, tensorNames } = model
  const { normalizations, dropouts } = training
  const followed = [...normalizations, ...dropouts].flatMap(({ x, y }) => [x, y])
  const ports = followed.map((value, i) => ({ name: `${i}`, value }))
  const after = applyPatch({ ...graph, outputs: [...graph.outputs, ...ports] }, patch)
  const outputs = after.outputs.slice(0, graph.outputs.length)
  const places = after.outputs.slice(graph.outputs.length).map(({ value }) => value)
  const moved = <P extends { readonly x: Value; readonly y: Value }>(list: readonly P[], from: number): P[] =>
    list.map((place, i) => ({ ...place, x: places[from + 2 * i]!, y: places[from + 2 * i + 1]! }))
  const now = (value: Value): Value => constants.get(value) ?? value
  const named = [...constants].flatMap(([before, value]): [Tensor, string][] => {
    const name = tensorNames.get(tensorOf(before.node))
    return name === undefined ? [] : [[tensorOf(value.node), name]]
  })
  return {
    ...model,
    graph: { inputs: graph.inputs, outputs },
    tensorNames: new Map([...tensorNames, ...named]),
    training: {
      ...training,
      trainable: new Map([...training.trainable].map(([name, value]) => [name, now(value)])),
      normalizations: moved(normalizations, 0),
      dropouts: moved(dropouts, 2 * normalizations.length),
    },
  }
}
