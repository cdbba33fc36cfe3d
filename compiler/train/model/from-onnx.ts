import * as v from 'valibot'
import { fixedLayersKey } from '../../core/artefact/artefact.ts'
import { fail } from '../../core/diagnostics/diagnostic.ts'
import type { Graph, Node, Value } from '../../core/graph.ts'
import { decodeModel } from '../../onnx/decode.ts'
import { importModel, type ImportOptions } from '../../onnx/import.ts'
import type { Tensor } from '../../core/tensor.ts'
import { withParameters } from '../../transform/parameters.ts'
import { multipliedWeights } from './decayed.ts'
import { newHead } from './head.ts'
import type { Dropout, Normalization, Parameter, Statistic, TrainableModel } from './model.ts'
import { predictionOf } from './predictor.ts'

/** What `importModel` makes of a model. */
export type ImportedModel = ReturnType<typeof importModel>

export interface TrainableOptions extends ImportOptions {
  /** Give the model a new last layer, for this many classes. */
  readonly classes?: number | undefined
  readonly seed: number
}

/** An ONNX model as it is trained: dimensions of the batch that have only a name are 1. */
export function importForTraining(bytes: Uint8Array, options: ImportOptions): ImportedModel {
  return importModel(bytes, {
    ...options,
    dims: { ...batchOfOne(decodeModel(bytes, options.readExternal)), ...options.dims },
  })
}

/**
 * An ONNX model that can be trained: its weights are parameters, by the names that they have in the model. Of several outputs the first of floats
 * counts.
 * `unused` names the others.
 * @throws CompileError A705 where no weight can be trained, and what `importModel` finds.
 */
export function trainableModel(
  source: Uint8Array | ImportedModel,
  options: TrainableOptions,
): { model: TrainableModel; metadata: Record<string, string>; unused: readonly string[] } {
  const imported = source instanceof Uint8Array ? importForTraining(source, options) : source
  const { graph, metadata, training, names } = imported
  const { output, scores, activation } = predictionOf(graph)
  const weights = [...weightsOf({ metadata, training })]
  if (weights.length === 0) {
    const reasons = [...training.fixed].map(([name, reason]) => `"${name}" is ${reason}`)
    fail('A705', 'the model has no weights of f32 that could be trained', {
      hint:
        reasons.length > 0 ? `of its tensors ${reasons.slice(0, 4).join(', ')}` : 'it has no tensors of floats at all',
    })
  }
  const statistics = training.normalizations.flatMap(({ meanName, mean, varianceName, variance }) => [
    [meanName, mean] as const,
    [varianceName, variance] as const,
  ])
  // Values that are looked for again behind the rewrite are outputs of it.
  const followed = [
    output.value,
    scores,
    ...training.normalizations.map(({ x }) => x),
    ...training.dropouts.flatMap(({ x, y }) => [x, y]),
  ]
  const before: Graph = { inputs: graph.inputs, outputs: followed.map((value, i) => ({ name: `${i}`, value })) }
  const after = withParameters(before, new Map([...weights, ...statistics]))
  const [result, ownScores, ...places] = after.outputs.map(({ value }) => value)
  const inputs = new Map(after.inputs.map(({ name, value }) => [name, value]))
  const stored = (name: string, constant: Value): Statistic => ({
    name,
    value: inputs.get(name)!,
    start: tensorOf(constant.node),
  })
  const multiplied = multipliedWeights(graph)
  const parameters = weights.map(([name, constant]): Parameter => ({
    ...stored(name, constant),
    decays: multiplied.has(constant.node),
  }))
  const normalizations = training.normalizations.map((place, i): Normalization => ({
    name: place.name,
    x: places[i]!,
    axis: 1,
    mean: stored(place.meanName, place.mean),
    variance: stored(place.varianceName, place.variance),
    momentum: place.momentum,
  }))
  const dropouts = training.dropouts.map(({ ratio }, i): Dropout => ({
    x: places[normalizations.length + 2 * i]!,
    value: places[normalizations.length + 2 * i + 1]!,
    ratio,
  }))
  const model: TrainableModel = {
    graph: { inputs: after.inputs, outputs: [{ name: output.name, value: result! }] },
    data: graph.inputs.map(({ name }) => name),
    ...{ parameters, normalizations, dropouts, scores: ownScores!, activation },
    ranges: new Map(Object.entries(names.inputs).flatMap(([name, { range }]) => (range ? [[name, range]] : []))),
  }
  const unused = graph.outputs.map(({ name }) => name).filter((name) => name !== output.name)
  return {
    model: options.classes === undefined ? model : newHead(model, options.classes, options.seed),
    metadata,
    unused,
  }
}

/** The weights of an imported model, by name: `constant` nodes of f32. */
export function weightsOf({ metadata, training }: Pick<ImportedModel, 'metadata' | 'training'>): Map<string, Value> {
  const fixed = fixedLayersOf(metadata)
  const isFixed = (name: string): boolean => fixed.some((layer) => name.startsWith(`${layer}/`))
  return new Map([...training.trainable].filter(([name, { type }]) => type.dtype === 'f32' && !isFixed(name)))
}

/** What attar wrote into a network's metadata; nothing where somebody else wrote something else. */
function fixedLayersOf(metadata: Readonly<Record<string, string>>): readonly string[] {
  try {
    return v.parse(v.array(v.string()), JSON.parse(metadata[fixedLayersKey] ?? '[]'))
  } catch {
    return []
  }
}

function tensorOf(node: Node): Tensor {
  if (node.op !== 'constant') throw new TypeError(`a ${node.op} is no stored tensor`)
  return node.attrs.value
}

/** Names of dimensions that stand first in an input, each 1. */
export function batchOfOne({ graph }: ReturnType<typeof decodeModel>): Record<string, number> {
  const names = graph.inputs.flatMap(({ shape }) => {
    const first = shape?.[0]
    return typeof first === 'string' ? [first] : []
  })
  return Object.fromEntries(names.map((name) => [name, 1]))
}
