import type { Layer } from '../context.ts'
import type { Initializer } from '../initializers.ts'
import { checkArguments, checkOptions, count, flag, initializer } from '../options.ts'

export interface DenseOptions {
  readonly bias?: boolean | undefined
  readonly initializer?: Initializer | undefined
}

/** A matrix product along the last axis: [1, …, n] to [1, …, units]. */
export function dense(units: number, options: DenseOptions = {}): Layer {
  checkArguments('dense', { units }, { units: count })
  checkOptions('dense', options, { bias: flag, initializer })
  return product(units, options)
}

const product = (units: number, { bias = true, initializer = 'he-normal' }: DenseOptions): Layer => ({
  kind: 'dense',
  build: (network, x) => {
    const axis = x.type.shape.length - 1
    const inputs = x.type.shape[axis]!
    const w = network.parameter('weight', [inputs, units], initializer, { inputs, outputs: units }, true)
    const { b } = network
    const y = b.dotGeneral(x, w, { lhsBatch: [], rhsBatch: [], lhsContract: [axis], rhsContract: [0] })
    if (!bias) return y
    return b.binary('add', y, network.parameter('bias', [units], 'zeros', { inputs: 1, outputs: 1 }, false))
  },
})
