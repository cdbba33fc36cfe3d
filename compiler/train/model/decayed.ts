import { nodesOf, regionsOf, topological, type Graph, type Node } from '../../core/graph.ts'

/**
 * Constants that products and convolutions multiply, in loops and branches too: those that weight decay shrinks. A shape does not tell
 * them: an LSTM's bias is [directions, 8 · hidden], and a bias behind a convolution [channels, 1, 1]. What only tables of embeddings,
 * sums and scales take is none.
 */
export function multipliedWeights(graph: Graph): Set<Node> {
  const found = new Set<Node>()
  const graphs = [graph]
  for (let at = graphs.pop(); at; at = graphs.pop()) {
    const order = nodesOf(at)
    const varying = new Set<Node>()
    for (const node of order) {
      if (node.op === 'input' || node.operands.some((o) => varying.has(o.node))) varying.add(node)
      graphs.push(...regionsOf(node))
    }
    const operands = order
      .filter(({ op }) => op === 'dot_general' || op === 'convolution')
      .flatMap((node) => node.operands)
    // Through what turns and reshapes weights, or computes them of others.
    for (const node of topological(operands.filter((o) => !varying.has(o.node)))) {
      if (node.op === 'constant') found.add(node)
    }
  }
  return found
}
