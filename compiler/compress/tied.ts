import { takesRows } from '../core/ops/data-movement/gather.ts'
import type { Value } from '../core/graph.ts'
import type { Layer } from './layers.ts'

/** The first product by each table whose rows are its output channels, with the layers that look rows of that table up. */
export function tiedLayers(layers: Iterable<Layer>): ReadonlyMap<Layer, readonly Layer[]> {
  const products = new Map<Value, Layer>()
  const lookups: Layer[] = []
  for (const layer of layers) {
    const { node, weights } = layer
    if (node.op === 'dot_general' && weights?.axis === 0 && !products.has(weights.value))
      products.set(weights.value, layer)
    const [table, indices] = node.operands
    if (node.op === 'gather' && takesRows(table!.type.shape, indices!.type.shape, node.attrs)) lookups.push(layer)
  }
  return new Map(
    [...products].map(([table, product]) => [product, lookups.filter(({ weights }) => weights?.value === table)]),
  )
}
