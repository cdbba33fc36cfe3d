import type { Node, NodeOf } from '../core/graph.ts'
import { freeAxes } from '../core/ops/dot-general.ts'
import { elementCount } from '../core/shape.ts'

/** A convolution or matrix product whose weights have one axis of output channels. */
export interface Product {
  readonly node: NodeOf<'convolution'> | NodeOf<'dot_general'>
  /** Axis of the output channels in the weights and in the result. */
  readonly weightAxis: number
  readonly resultAxis: number
  readonly channels: number
  /** Products that are summed up to one element. */
  readonly terms: number
}

export function productOf(node: Node): Product | undefined {
  if (node.op === 'convolution') {
    const { shape } = node.operands[1]!.type
    const weightAxis = node.attrs.rhs.output
    const channels = shape[weightAxis]!
    const terms = elementCount(shape) / Math.max(1, channels)
    return { node, weightAxis, resultAxis: node.attrs.out.feature, channels, terms }
  }
  if (node.op !== 'dot_general') return undefined
  const { shape } = node.operands[1]!.type
  const [weightAxis, ...others] = freeAxes(shape.length, node.attrs.rhsBatch, node.attrs.rhsContract)
  if (weightAxis === undefined || others.length > 0) return undefined
  const terms = elementCount(node.attrs.rhsContract.map((axis) => shape[axis]!))
  const resultAxis = node.results[0]!.type.shape.length - 1
  return { node, weightAxis, resultAxis, channels: shape[weightAxis]!, terms }
}
