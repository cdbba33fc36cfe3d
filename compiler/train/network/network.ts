import { fail } from '../../core/diagnostics/diagnostic.ts'
import * as f from '../../core/scalar/formula.ts'
import { createNode, type Value } from '../../core/graph.ts'
import type { TensorType } from '../../core/tensor.ts'
import type { TrainableModel } from '../model/model.ts'
import { NetworkContext, type Layer } from './context.ts'
import { chain } from './layers/chain.ts'

/** A network to be trained from nothing. */
export interface Network {
  readonly layers: readonly Layer[]
}

export const sequential = (layers: readonly Layer[]): Network => ({ layers })

export interface NetworkOptions {
  /** The type of one sample without a batch axis, such as f32[28, 28, 1] or i32[128] of token ids. */
  readonly input: TensorType
  /** What turns the last layer's result into the model's output. */
  readonly activation: 'softmax' | 'sigmoid' | undefined
  readonly seed: number
  /** What the model's input and output are called. */
  readonly names?: { readonly input?: string | undefined; readonly output?: string | undefined } | undefined
}

/** The network as a graph with new parameters. */
export function trainableNetwork({ layers }: Network, options: NetworkOptions): TrainableModel {
  const { input, activation, seed, names } = options
  const { input: from = 'input', output: to = 'output' } = names ?? {}
  const network = new NetworkContext(seed)
  const type = { dtype: input.dtype, shape: [1, ...input.shape] }
  const x = createNode('input', [], { name: from, type }, undefined).results[0]!
  const scores = chain(network, layers, x)
  const { parameters, normalizations, dropouts, rate, fixedLayers } = network
  const statistics = normalizations.flatMap(({ mean, variance }) => [mean, variance])
  if ([...parameters, ...statistics].some(({ name }) => name === from))
    fail('A702', `the input cannot be called "${from}": a parameter of the network is`)
  const inputs = [
    { name: from, value: x },
    ...[...parameters, ...statistics].map(({ name, value }) => ({ name, value })),
  ]
  const graph = { inputs, outputs: [{ name: to, value: activated(network, scores, activation) }] }
  return { graph, data: [from], parameters, normalizations, dropouts, scores, activation, rate, fixedLayers }
}

function activated({ b }: NetworkContext, scores: Value, activation: NetworkOptions['activation']): Value {
  if (activation === 'sigmoid') return b.map([scores], (s) => f.sigmoid(s))
  if (activation === undefined) return scores
  const axis = scores.type.shape.length - 1
  const powers = b.map([scores, b.reduce('max', scores, [axis], true)], (s, m) => f.exp(f.sub(s, m)))
  return b.binary('div', powers, b.reduce('add', powers, [axis], true))
}
