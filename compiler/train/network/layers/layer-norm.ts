import * as f from '../../../core/scalar/formula.ts'
import type { Layer } from '../context.ts'
import { checkOptions, positive } from '../options.ts'

/** Layer normalization of the last axis (Ba et al., 2016). */
export function layerNorm(options: { readonly epsilon?: number | undefined } = {}): Layer {
  checkOptions('layerNorm', options, { epsilon: positive })
  return normalization(options.epsilon ?? 1e-5)
}

const normalization = (epsilon: number): Layer => ({
  kind: 'layerNorm',
  build: (network, x) => {
    const axis = x.type.shape.length - 1
    const size = x.type.shape[axis]!
    const one = { inputs: 1, outputs: 1 }
    const scale = network.parameter('scale', [size], 'ones', one, false)
    const bias = network.parameter('bias', [size], 'zeros', one, false)
    const { b } = network
    const centered = b.binary('sub', x, b.mean(x, [axis], true))
    const variance = b.mean(
      b.map([centered], (c) => f.square(c)),
      [axis],
      true,
    )
    return b.map([centered, variance, scale, bias], (c, v, s, o) =>
      f.add(f.mul(f.div(c, f.sqrt(f.add(v, epsilon))), s), o),
    )
  },
})
