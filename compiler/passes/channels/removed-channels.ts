import type { RemovedChannels } from '../../core/artefact/artefact.ts'
import { nodesOf, type Graph } from '../../core/graph.ts'
import { outputAxisOf } from '../../core/analysis/relation.ts'
import { isProduct } from './product-weights.ts'

/** The output channels of each layer, by its node in the user's model: of its products, those of the widest. */
function channelsByNode(graph: Graph): Map<string, number> {
  const channels = new Map<string, number>()
  for (const node of nodesOf(graph)) {
    const output = isProduct(node) ? outputAxisOf(node, 1) : undefined
    if (!output || !node.origin) continue
    const count = node.operands[1]!.type.shape[output.axis]!
    channels.set(node.origin.node, Math.max(count, channels.get(node.origin.node) ?? 0))
  }
  return channels
}

/** The layers that have fewer channels in `after`, which passes made of `before`. */
export function removedChannels(before: Graph, after: Graph): RemovedChannels[] {
  const left = channelsByNode(after)
  return [...channelsByNode(before)].flatMap(([node, count]) => {
    const kept = left.get(node)
    return kept !== undefined && kept < count ? [{ node, before: count, after: kept }] : []
  })
}
