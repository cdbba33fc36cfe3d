import type { Value } from '../../../core/graph.ts'
import type { Layer, NetworkContext } from '../context.ts'

/** What layers make of `x`, one after another. */
export const chain = (network: NetworkContext, layers: readonly Layer[], x: Value): Value =>
  layers.reduce((value, layer) => network.build(layer, value), x)
