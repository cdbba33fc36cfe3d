import type { Node, NodeOf } from '../core/graph.ts'
import { followedAxis, outputAxisOf } from '../core/analysis/relation.ts'

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
  if (node.op !== 'convolution' && node.op !== 'dot_general') return undefined
  const output = outputAxisOf(node, 1)
  if (!output) return undefined
  const { shape } = node.operands[1]!.type
  const terms = shape.reduce(
    (product, d, axis) => (followedAxis(node, 1, axis) === undefined ? product * d : product),
    1,
  )
  return { node, weightAxis: output.axis, resultAxis: output.resultAxis, channels: shape[output.axis]!, terms }
}
