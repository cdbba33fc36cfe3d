import { Builder } from '../../core/builder.ts'
import { fail } from '../../core/diagnostics/diagnostic.ts'
import * as f from '../../core/scalar/formula.ts'
import { nodesOf, topological, type NodeOf, type Value } from '../../core/graph.ts'
import { elementCount } from '../../core/shape.ts'
import type { Parameter, TrainableModel } from './model.ts'
import { initialize } from '../network/initializers.ts'
import { input } from './ports.ts'

/**
 * The model with a new last product, of `classes` scores, and a softmax behind it. What only the old one used is gone.
 * @throws CompileError A705 where the scores do not come from a matrix product over all of the model's features.
 */
export function newHead(model: TrainableModel, classes: number, seed: number): TrainableModel {
  const { node, features } = lastProduct(model)
  const axes = node.attrs.lhsContract
  const size = elementCount(axes.map((axis) => features.type.shape[axis]!))
  const b = new Builder(node.origin)
  const others = features.type.shape.map((_, i) => i).filter((i) => !axes.includes(i))
  const row = b.reshape(b.transpose(features, [...others, ...axes]), [1, size])
  const fan = { inputs: size, outputs: classes }
  const made = (role: string, shape: number[], initializer: 'glorot-uniform' | 'zeros'): Parameter => {
    const name = `head.${role}`
    if (model.graph.inputs.some((port) => port.name === name)) fail('A705', `the model has a tensor "${name}" already`)
    const { value } = input(name, 'f32', shape)
    const start = initialize(initializer, shape, fan, seed, 0)
    return { name, value, start, decays: role === 'weight', initializer }
  }
  const [weight, bias] = [made('weight', [size, classes], 'glorot-uniform'), made('bias', [classes], 'zeros')]
  const product = b.dotGeneral(row, weight.value, { lhsBatch: [], rhsBatch: [], lhsContract: [1], rhsContract: [0] })
  const scores = b.binary('add', product, bias.value)
  const powers = b.map([scores, b.reduce('max', scores, [1], true)], (s, m) => f.exp(f.sub(s, m)))
  const output = {
    name: model.graph.outputs[0]!.name,
    value: b.binary('div', powers, b.reduce('add', powers, [1], true)),
  }
  const used = new Set(nodesOf({ inputs: [], outputs: [output] }))
  const isUsed = ({ value }: { readonly value: Value }): boolean => used.has(value.node)
  const parameters = [...model.parameters.filter(isUsed), weight, bias]
  const normalizations = model.normalizations.filter(({ mean }) => isUsed(mean))
  const kept = model.graph.inputs.filter((port) => model.data.includes(port.name) || isUsed(port))
  const inputs = [...kept, ...[weight, bias].map(({ name, value }) => ({ name, value }))]
  return {
    graph: { inputs, outputs: [output] },
    data: model.data,
    ...{ parameters, normalizations, dropouts: model.dropouts.filter(isUsed), scores, activation: 'softmax' },
  }
}

/** The product that gives the scores, and what it takes from the model's body. */
function lastProduct({ scores, parameters, data, graph }: TrainableModel): {
  node: NodeOf<'dot_general'>
  features: Value
} {
  const names = new Set(data)
  const varying = new Set(graph.inputs.filter(({ name }) => names.has(name)).map(({ value }) => value.node))
  for (const node of topological([scores])) if (node.operands.some((o) => varying.has(o.node))) varying.add(node)
  const trained = new Set(parameters.map(({ value }) => value.node))
  let at = scores
  while (at.node.op === 'reshape' || at.node.op === 'map' || at.node.op === 'transpose') {
    const [next, ...others] = at.node.operands.filter((o) => varying.has(o.node))
    if (!next || others.length > 0) break
    at = next
  }
  const { node } = at
  if (node.op === 'dot_general') {
    const [features, weights] = node.operands
    const isTrained = topological([weights!]).some((n) => trained.has(n))
    const whole =
      elementCount(features!.type.shape) === elementCount(node.attrs.lhsContract.map((i) => features!.type.shape[i]!))
    if (isTrained && !varying.has(weights!.node) && whole) return { node, features: features! }
  }
  return fail(
    'A705',
    'the model does not end in a matrix product with trained weights, which a new last layer could replace',
    {
      hint: 'train it as it is, without --classes',
      ...(node.origin && { origin: node.origin }),
    },
  )
}
