/**
 * Removes channels that are the same for every input, and those that nobody reads, along any axis of any value.
 * Before: maps are fused, and constant scales are in the weights (`fold-affine`). After: no convolution or matrix product by
 * constants reads a channel that only it needs and that is one known number, nor one that it multiplies by zeros;
 * what such a channel adds to the sums is in a bias. Neither stands where it was computed, nor on the way, as far
 * as the ops in between can do without it (`core/ops/facets.ts`, `keep`).
 *
 * A channel is one number if its interval is (`core/scalar/interval.ts`): its weights are zeros, or too small to move the bias by half
 * a unit; a clamp cuts all of it off; it is multiplied by zero. In floats this takes it that inputs are finite, that sums and
 * products of finite numbers do not overflow, and that no input is larger than 2^31 (`assumedInput`); where ±∞ or NaN may come from
 * elsewhere (quotients, logarithms, constants), a weight of 0 keeps its channel. Sums are what they were where the number is 0, and
 * off by their rounding else. Integers are exact. Where padding differs from the number, the channel stays.
 */
import { Builder } from '../../core/builder.ts'
import { nodesOf, type Graph } from '../../core/graph.ts'
import { singleValue } from '../../core/scalar/interval.ts'
import { shortened } from '../../core/shorten.ts'
import { pick, tensorOf, type Tensor } from '../../core/tensor.ts'
import { ChannelRanges } from './channel-ranges.ts'
import { KeptPositions } from './kept-positions.ts'
import {
  channelsOf,
  contractedWith,
  isProduct,
  paddingOf,
  productWeights,
  type ElementNumbers,
  type ProductNode,
} from './product-weights.ts'

/** Kernels go over so many channels at a time: fewer would not save them work. */
const channelBlock = 8

export function deadChannels(graph: Graph, block = channelBlock): Graph {
  if (!nodesOf(graph).some(isProduct)) return graph
  const ranges = new ChannelRanges(graph)
  const kept = new KeptPositions(
    graph,
    ranges,
    (node, { interval }) => {
      const value = singleValue(interval)
      const padding = paddingOf(node)
      return value !== undefined && (padding === undefined || padding === value)
    },
    block,
  )
  if (!nodesOf(graph).some((node) => node.results.some((r) => kept.shortens(r)))) return graph
  const now = shortened(nodesOf(graph), {
    keptAt: (node) => kept.keptAt(node),
    behind: (node, { results: [axes] }, results) => {
      const removed = isProduct(node) ? removedSums(node, ranges, kept) : undefined
      if (!removed) return results
      const channels = axes!.map((axis, i) => (removed.shape[i] === 1 ? undefined : axis))
      const b = new Builder(node.origin)
      return [b.binary('add', results[0]!, b.constant(pick(removed, channels)))]
    },
  })
  const outputs = graph.outputs.map((port) => ({ ...port, value: now(port.value) }))
  return { inputs: graph.inputs, outputs }
}

/** What the channels of its data that go add to each output channel of a product, if that is anything. */
function removedSums(node: ProductNode, ranges: ChannelRanges, kept: KeptPositions): Tensor | undefined {
  const weights = productWeights(node)
  if (!weights) return undefined
  const { values, outputs, channels } = weights
  const found = channelsOf(node, weights, (axis) => ranges.of(weights.data).axes[axis])
  const stays = kept.valuesOf(node)
  const contracted = contractedWith(node, weights).map((each) => ({ ...each, stays: stays.get(each.index)! }))
  if (!found || contracted.every((each) => !each.stays.includes(0))) return undefined
  // A channel that is no one number was needed by outputs only that go as well.
  const numbers = found.known.map(({ interval }) => singleValue(interval) ?? 0)
  const sums = new Float64Array(channels)
  const { outer, inner } = outputs
  for (let row = 0, i = 0; row < outer.length; row++) {
    for (let k = 0; k < inner.length; k++, i++) {
      const at = (each: ElementNumbers): number => each.outer[row]! + each.inner[k]!
      if (values[i] === 0 || contracted.every((each) => each.stays[at(each.values)])) continue
      sums[at(outputs)]! += values[i]! * numbers[at(found.positions)]!
    }
  }
  if (sums.every((s) => s === 0)) return undefined
  const { type } = node.results[0]!
  return tensorOf(
    type.dtype,
    type.shape.map((_, i) => (i === weights.resultAxis ? channels : 1)),
    sums,
  )
}
