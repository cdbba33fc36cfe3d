import * as f from '../../../core/scalar/formula.ts'
import type { Layer } from '../context.ts'
import { checkOptions, positive, share } from '../options.ts'

export interface BatchNormOptions {
  readonly epsilon?: number | undefined
  /** The share of the old running statistics that stays at each step. */
  readonly momentum?: number | undefined
}

/** Batch normalization of the last axis (Ioffe & Szegedy, 2015). */
export function batchNorm(options: BatchNormOptions = {}): Layer {
  checkOptions('batchNorm', options, { epsilon: positive, momentum: share })
  return normalization(options)
}

const normalization = ({ epsilon = 1e-5, momentum = 0.9 }: BatchNormOptions): Layer => ({
  kind: 'batchNorm',
  build: (network, x) => {
    const channels = x.type.shape.at(-1)!
    const one = { inputs: 1, outputs: 1 }
    const scale = network.parameter('scale', [channels], 'ones', one, false)
    const bias = network.parameter('bias', [channels], 'zeros', one, false)
    const { mean, variance } = network.normalization(x, momentum)
    const { b } = network
    const factor = b.map([scale, variance], (s, v) => f.div(s, f.sqrt(f.add(v, epsilon))))
    return b.map([x, mean, factor, bias], (x, m, k, o) => f.add(f.mul(f.sub(x, m), k), o))
  },
})
