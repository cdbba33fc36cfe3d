import type { TypedArray } from '../../core/scalar/dtype.ts'
import type { Executor } from '../../core/executor.ts'
import { applyPatch, createNode, nodesOf, type Graph, type Value } from '../../core/graph.ts'
import { tensor } from '../../core/tensor.ts'
import type { TrainableModel } from './model.ts'

/** Inputs of the model behind the front from those of the whole one, for one sample. */
export type RunFront = (inputs: Readonly<Record<string, TypedArray>>) => Readonly<Record<string, TypedArray>>

/** A model in two: what depends on its data alone, and all that training changes. */
export interface Parted {
  readonly front: Graph
  /** Takes the outputs of `front` as its data. Its parameters and running statistics are those of the whole model. */
  readonly model: TrainableModel
}

const products = new Set(['dot_general', 'convolution'])

/**
 * Cuts a model behind what is the same in every epoch, such as the spectra of sounds, so that it can be computed once. Undefined
 * where there is no product in it, which would not be worth it.
 */
export function partedAtFront(model: TrainableModel): Parted | undefined {
  const { graph, scores, normalizations, dropouts } = model
  const places = [...normalizations.map(({ x }) => x), ...dropouts.flatMap(({ x, value }) => [x, value])]
  const followed = [graph.outputs[0]!.value, scores, ...places]
  const whole: Graph = { inputs: graph.inputs, outputs: followed.map((value, i) => ({ name: `${i}`, value })) }
  const order = nodesOf(whole)
  const data = new Set(model.data)
  const trained = new Set<Value>(dropouts.map(({ value }) => value))
  const fixed = new Set<Value>()
  for (const node of order) {
    const isInput = node.op === 'input'
    const isTrained = isInput ? !data.has(node.attrs.name) : node.operands.some((o) => trained.has(o))
    const isFixed = !isTrained && (isInput || node.operands.some((o) => fixed.has(o)))
    for (const result of node.results) {
      if (isTrained) trained.add(result)
      else if (isFixed && !trained.has(result)) fixed.add(result)
    }
  }
  const read = order.filter((node) => node.results.some((r) => trained.has(r))).flatMap((node) => node.operands)
  const ends = [...new Set([...read, ...followed])].filter((value) => fixed.has(value))
  const ports = ends.map((value, i) => ({ name: ends.length === 1 ? model.data[0]! : `${model.data[0]!}:${i}`, value }))
  const front: Graph = { inputs: graph.inputs.filter(({ name }) => data.has(name)), outputs: ports }
  if (!nodesOf(front).some(({ op }) => products.has(op))) return undefined

  const inputs = ports.map(({ name, value }) => {
    return { name, value: createNode('input', [], { name, type: value.type }, undefined).results[0]! }
  })
  const others = graph.inputs.filter(({ name }) => !data.has(name))
  const patch = new Map(ends.map((value, i) => [value, inputs[i]!.value]))
  const after = applyPatch({ inputs: [...inputs, ...others], outputs: whole.outputs }, patch)
  const [output, ownScores, ...moved] = after.outputs.map(({ value }) => value)
  const behind = moved.slice(normalizations.length)
  return {
    front,
    model: {
      ...model,
      graph: { inputs: after.inputs, outputs: [{ ...graph.outputs[0]!, value: output! }] },
      data: inputs.map(({ name }) => name),
      scores: ownScores!,
      normalizations: normalizations.map((normalization, i) => ({ ...normalization, x: moved[i]! })),
      dropouts: dropouts.map((dropout, i) => ({ ...dropout, x: behind[2 * i]!, value: behind[2 * i + 1]! })),
    },
  }
}

/** The front as a function of one sample. */
export async function runFront(front: Graph, executor: Executor): Promise<RunFront> {
  const run = await executor.prepare(front)
  return (inputs) => {
    const tensors = front.inputs.map(({ name, value: { type } }) => {
      return [name, tensor(type.dtype, type.shape, inputs[name]!)] as const
    })
    // The next run overwrites what it gives.
    return Object.fromEntries(
      Object.entries(run(Object.fromEntries(tensors))).map(([name, { data }]) => [name, data.slice() as TypedArray]),
    )
  }
}
