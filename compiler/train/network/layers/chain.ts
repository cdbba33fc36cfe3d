import { fail } from '../../../core/diagnostics/diagnostic.ts'
import type { Value } from '../../../core/graph.ts'
import type { Layer, NetworkContext } from '../context.ts'

/** What layers make of `x`, one after another. A702 for what is no layer. */
export function chain(network: NetworkContext, layers: readonly Layer[], x: Value): Value {
  if (!Array.isArray(layers)) fail('A702', 'layers stand in a list: [ … ]')
  return layers.reduce((value: Value, layer: Layer, i) => {
    if (typeof layer?.build !== 'function') {
      const name = typeof layer === 'function' ? (layer as { name: string }).name : undefined
      fail('A702', `layer ${i + 1} of the network is no layer`, {
        hint: name ? `write ${name}()` : 'layers are made by functions such as conv(16, 3)',
      })
    }
    return network.build(layer, value)
  }, x)
}
