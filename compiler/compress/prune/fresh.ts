import { topological, type Node, type Value } from '../../core/graph.ts'
import { outputAxisOf } from '../../core/analysis/relation.ts'
import { elementCount } from '../../core/shape.ts'
import { tensorOf, type Tensor } from '../../core/tensor.ts'
import { isProduct, type ProductNode } from '../../passes/channels/product-weights.ts'
import { initialize, type Fan, type Initializer, type TrainableModel } from '../../train/index.ts'
import { followed } from './coupling.ts'
import { isMove, vanishes } from './vanishing.ts'

/** An operand of a node. */
interface Use {
  readonly node: Node
  readonly at: number
}

/**
 * The model with new parameters and running statistics, as they are before a training: drawn as its layers say. Where a model says
 * nothing of it, weights of products are drawn by He et al., 2015, tables that are gathered from with deviation 0.02; what is
 * multiplied by is 1, what is added is 0.
 */
export function fresh(model: TrainableModel, seed: number): TrainableModel {
  const uses = usesIn(topological(followed(model)))
  const parameters = model.parameters.map((parameter, place) => {
    const { value, start } = parameter
    const { shape } = start
    const use = firstUse(value, uses)
    const fan = use && isProduct(use.node) ? fanOf(use.node, use.at) : { inputs: 1, outputs: 1 }
    return { ...parameter, start: initialize(parameter.initializer ?? initializerFor(use), shape, fan, seed, place) }
  })
  const normalizations = model.normalizations.map((normalization) => ({
    ...normalization,
    mean: { ...normalization.mean, start: filledWith(normalization.mean.start, 0) },
    variance: { ...normalization.variance, start: filledWith(normalization.variance.start, 1) },
  }))
  return { ...model, parameters, normalizations }
}

const filledWith = ({ dtype, shape }: Tensor, value: number): Tensor =>
  tensorOf(dtype, shape, new Array<number>(elementCount(shape)).fill(value))

function usesIn(nodes: readonly Node[]): Map<Value, Use[]> {
  const uses = new Map<Value, Use[]>()
  for (const node of nodes) {
    node.operands.forEach((operand, at) => {
      const known = uses.get(operand)
      if (known) known.push({ node, at })
      else uses.set(operand, [{ node, at }])
    })
  }
  return uses
}

/** What first computes with a value, behind ops that only move it. */
function firstUse(value: Value, uses: ReadonlyMap<Value, readonly Use[]>): Use | undefined {
  for (let at = value; ;) {
    const [use] = uses.get(at) ?? []
    if (!use || use.node.op === 'gather' || !isMove(use.node)) return use
    at = use.node.results[0]!
  }
}

function initializerFor(use: Use | undefined): Initializer {
  if (!use) return 'zeros'
  const { node, at } = use
  if (isProduct(node)) return 'he-normal'
  if (node.op === 'gather') return 'normal-0.02'
  return node.op === 'map' && vanishes(node.attrs.expr, (k) => k === at) ? 'ones' : 'zeros'
}

/** How many inputs each output of a product sums over, and how many outputs each input goes into. */
function fanOf(node: ProductNode, at: number): Fan {
  const { shape } = node.operands[at]!.type
  const elements = elementCount(shape)
  const output = outputAxisOf(node, at)
  const outputs = output ? shape[output.axis]! : 1
  const contracted = elementCount(contractedAxes(node, at).map((axis) => shape[axis]!))
  const groups = node.op === 'convolution' ? node.attrs.groups : 1
  return { inputs: elements / outputs, outputs: elements / contracted / groups }
}

function contractedAxes({ op, attrs }: ProductNode, at: number): readonly number[] {
  if (op === 'convolution') return [attrs.rhs.input]
  return at === 0 ? attrs.lhsContract : attrs.rhsContract
}
