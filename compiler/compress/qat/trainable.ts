/**
 * A quantized model that can be trained: the integers of its weights and biases are rounded from parameters, and its activations are
 * those of the graph that its integers are compiled to. What training computes of integers has the bits that the module will give.
 */
import type { TypedArray } from '../../core/scalar/dtype.ts'
import { constantOf } from '../../core/evaluate.ts'
import { Builder } from '../../core/builder.ts'
import { parts } from '../../core/scalar/expr.ts'
import { applyPatch, createNode, nodesOf, type Graph, type Node, type Value } from '../../core/graph.ts'
import { tensor, toNumbers, type Tensor } from '../../core/tensor.ts'
import { integerForm } from '../../passes/index.ts'
import type { Parameter, TrainableModel } from '../../train/index.ts'
import type { Layer } from '../layers.ts'
import { correctedBias, inputScale, rewrite, rewriteWithStored, weightsOf, type Stored } from '../rewrite.ts'
import type { Study, Trial } from '../study.ts'
import { biasUnits, channelOf, type QuantizedWeights } from '../weights.ts'
import type { Carried } from './carried.ts'
import { integersAsFloats, type TrainedProduct } from './integers-as-floats.ts'
import { integersOf, trainedBias, trainedFloats, trainedWeights, type Trained } from './parameters.ts'

export interface QuantizedModel {
  /** What is trained. It starts as the model that was quantized without training. */
  readonly model: TrainableModel
  /** By the name of each parameter, the layer that it belongs to. */
  readonly layers: ReadonlyMap<string, Layer>
  /** The quantized graph with what was found for the parameters. */
  readonly quantized: (values: Readonly<Record<string, TypedArray>>) => Graph
}

/** A layer with its parameters. */
interface TrainedLayer {
  readonly layer: Layer
  readonly stored: Stored
  readonly integers: QuantizedWeights
  readonly weights: Trained
  /** Undefined where there is none, or where it stays as it is. */
  readonly bias: Trained | undefined
  /** Of the input, where that is stored as integers. */
  readonly zero: number | undefined
}

const tensorOf = ({ node }: Value): Tensor => {
  if (node.op !== 'constant') throw new TypeError(`a ${node.op} is no stored tensor`)
  return node.attrs.value
}

function trainedLayer(layer: Layer, stored: Stored, { plan, decisions }: Trial): TrainedLayer {
  const integers = weightsOf(plan, decisions, layer)
  const scale = inputScale(plan, decisions, layer)
  const [i] = layer.data
  const root = i === undefined || scale === undefined ? undefined : plan.stored.get(layer.node.operands[i]!)
  const biasOf = (value: Value): Trained | undefined => {
    const name = `${layer.name}/bias`
    const floats = correctedBias(layer.bias!.tensor, decisions.corrections?.get(layer))
    if (scale === undefined) return trainedFloats(name, layer, floats)
    return trainedBias(name, layer, floats, tensorOf(value), biasUnits(floats, scale, integers))
  }
  return {
    ...{ layer, stored, integers },
    weights: trainedWeights(`${layer.name}/weights`, layer, integers),
    bias: stored.bias && biasOf(stored.bias),
    zero: root && decisions.parameters.get(root)!.zero,
  }
}

/** Σ |w| of the output channel where that is largest, and Σ w of each. */
function sumsOf({ layer, integers }: TrainedLayer): { readonly largest: number; readonly sums: readonly number[] } {
  const channel = channelOf(layer.weights!)
  const sums = new Array<number>(layer.weights!.channels).fill(0)
  const magnitudes = sums.slice()
  integers.data.forEach((q, i) => {
    sums[channel(i)]! += q
    magnitudes[channel(i)]! += Math.abs(q)
  })
  return { largest: Math.max(...magnitudes), sums }
}

/** Products of integers in a graph, each with the layer whose stored weights it multiplies by. */
function productsIn(graph: Graph, layers: readonly TrainedLayer[]): Map<Node, TrainedLayer> {
  const byTensor = new Map(layers.map((own) => [tensorOf(own.stored.weights), own]))
  const found = new Map<Node, TrainedLayer>()
  for (const node of nodesOf(graph)) {
    const isProduct = node.op === 'convolution' || node.op === 'dot_general'
    if (!isProduct || node.results[0]!.type.dtype !== 'i32') continue
    const { node: weights } = node.operands[1]!
    const own = weights.op === 'constant' ? byTensor.get(weights.attrs.value) : undefined
    if (own) found.set(node, own)
  }
  return found
}

/** The constant that maps add to each sum. */
function constantsAdded(graph: Graph): ReadonlyMap<Node, readonly number[]> {
  const found = new Map<Node, readonly number[]>()
  for (const node of nodesOf(graph)) {
    if (node.op !== 'map') continue
    for (const e of parts(node.attrs.expr)) {
      if (e.kind !== 'binary' || e.op !== 'add' || e.dtype !== 'i32' || e.a.kind !== 'arg') continue
      const known = e.b.kind === 'arg' ? constantOf(node.operands[e.b.index]!) : undefined
      if (known) found.set(node.operands[e.a.index]!.node, toNumbers(known))
      else if (e.b.kind === 'const') found.set(node.operands[e.a.index]!.node, [Number(e.b.value)])
    }
  }
  return found
}

/** A bias is found again where a constant differs from what zero points take by so much of it at most. */
const nearBias = 2 ** -16

/** The bias of integers that is in the constant added to a layer's sum; undefined where that holds only what zero points take. */
function biasIn(own: TrainedLayer, added: readonly number[] | undefined): readonly number[] | undefined {
  if (!own.stored.bias || !added) return undefined
  const { sums } = sumsOf(own)
  const rest = sums.map((sum, c) => (added.length === 1 ? added[0]! : added[c]!) + own.zero! * sum)
  const bias = toNumbers(tensorOf(own.stored.bias))
  return rest.every((r, c) => Math.abs(r - bias[c]!) <= Math.abs(bias[c]!) * nearBias) ? rest : undefined
}

/** What trains the scores of a model, and what they are called in the graph that was studied. */
export interface Ends {
  readonly prediction: string
  readonly scores: string
  readonly activation: TrainableModel['activation']
}

/** A model that was quantized, for training. */
export function quantizedModel(study: Study, trial: Trial, ends: Ends): QuantizedModel {
  const { graph, stored } = rewriteWithStored(study.graph, trial.plan, trial.decisions)
  const all = [...stored].map(([layer, own]) => trainedLayer(layer, own, trial))
  const inIntegers = new Set(productsIn(integerForm(graph), all).values())
  // What no product of integers takes is a parameter from the start.
  const integers = new Map<Value, Carried>()
  const patch = new Map<Value, Value>()
  for (const { stored: own, weights, bias } of all.filter((layer) => !inIntegers.has(layer))) {
    const { type } = own.weights
    const stand = createNode('input', [], { name: `${weights.parameter.name} as integers`, type }, undefined)
    patch.set(own.weights, stand.results[0]!)
    integers.set(stand.results[0]!, { value: weights.value, bound: 128 })
    if (own.bias?.type.dtype === 'f32') patch.set(own.bias, bias!.value)
  }
  const form = study.options.mode === 'int8' ? integerForm(applyPatch(graph, patch)) : applyPatch(graph, patch)
  const added = constantsAdded(form)
  const products = new Map<Node, TrainedProduct>()
  const trained: Trained[] = []
  const layers = new Map<string, Layer>()
  const found = productsIn(form, all)
  for (const own of all) {
    const [node] = [...found].find(([, layer]) => layer === own) ?? []
    const held = node && biasIn(own, added.get(node))
    const bias = held || own.stored.bias?.type.dtype === 'f32' ? own.bias : undefined
    if (node) {
      const fixed =
        held && new Builder(node.origin).constant(tensor('f64', own.layer.bias!.tensor.shape, Float64Array.from(held)))
      const product = { weights: own.weights.value, zero: own.zero!, largestSum: sumsOf(own).largest }
      products.set(node, { ...product, bias: bias?.value ?? fixed })
    }
    for (const one of bias ? [own.weights, bias] : [own.weights]) {
      trained.push(one)
      layers.set(one.parameter.name, own.layer)
    }
  }
  const values = integersAsFloats(form, integers, products)
  const at = (name: string): Value => values[form.outputs.findIndex((port) => port.name === name)]!
  const parameters = trained.map(({ parameter }): Parameter => parameter)
  const model: TrainableModel = {
    graph: {
      inputs: [...graph.inputs, ...parameters.map(({ name, value }) => ({ name, value }))],
      outputs: [{ name: ends.prediction, value: at(ends.prediction) }],
    },
    data: graph.inputs.map(({ name }) => name),
    ...{ parameters, normalizations: [], dropouts: [] },
    ...{ scores: at(ends.scores), activation: ends.activation },
  }
  return { model, layers, quantized: (found) => quantizedWith(study, trial, all, found) }
}

/** The quantized graph with what training found. */
function quantizedWith(
  { graph }: Study,
  { plan, decisions }: Trial,
  layers: readonly TrainedLayer[],
  found: Readonly<Record<string, TypedArray>>,
): Graph {
  const weights = new Map<Layer, QuantizedWeights>()
  const biases = new Map<Layer, Tensor>()
  for (const own of layers) {
    const values = (of: Trained): Float32Array | undefined => {
      const known = found[of.parameter.name]
      return known as Float32Array | undefined
    }
    const { layer, integers, bias } = own
    const data = values(own.weights)
    if (data) weights.set(layer, { ...integers, data: integersOf(own.weights, 'i8', data).data as Int8Array })
    const trained = bias && values(bias)
    if (!trained) continue
    const isInteger = own.stored.bias!.type.dtype === 'i32'
    biases.set(layer, isInteger ? integersOf(bias, 'i32', trained) : tensor('f32', bias.parameter.start.shape, trained))
  }
  const whole = rewrite(graph, plan, { ...decisions, weights, biases })
  return { ...whole, outputs: whole.outputs.slice(0, 1) }
}
