import { fail } from '../../../core/diagnostics/diagnostic.ts'
import * as f from '../../../core/scalar/formula.ts'
import type { Value } from '../../../core/graph.ts'
import type { Layer } from '../context.ts'
import { checkArguments, checkOptions, count, initializer as known } from '../options.ts'
import type { Initializer } from '../initializers.ts'

export interface SelfAttentionOptions {
  /** How many parts of the channels attend by themselves; the channels are a multiple of it. */
  readonly heads: number
  readonly initializer?: Initializer | undefined
}

/**
 * Self-attention of several heads (Vaswani et al., 2017): f32[1, n, size] to [1, n, size]. Each place attends to all. Its output is
 * projected once more. It does not know the order of places: `positionEmbedding` tells it.
 */
export function selfAttention(options: SelfAttentionOptions): Layer {
  checkOptions('selfAttention', options, { heads: count, initializer: known })
  checkArguments('selfAttention', { ...options }, { heads: count })
  const { heads, initializer = 'glorot-uniform' } = options
  return {
    kind: 'selfAttention',
    build: (network, x) => {
      const { dtype, shape } = x.type
      if (shape.length !== 3)
        fail('A702', `selfAttention: its input is ${dtype}[${shape.join(',')}]; it takes a sequence, [1,n,size]`)
      const [, length, size] = shape as [number, number, number]
      const each = size / heads
      if (!Number.isInteger(heads) || heads < 1 || !Number.isInteger(each))
        fail('A702', `selfAttention: ${size} channels do not divide among ${heads} heads`)
      const { b } = network
      const project = (role: string, value: Value): Value => {
        const fan = { inputs: size, outputs: size }
        const w = network.parameter(`${role}Weight`, [size, size], initializer, fan, true)
        const y = b.dotGeneral(value, w, { lhsBatch: [], rhsBatch: [], lhsContract: [2], rhsContract: [0] })
        // A bias of the keys would move all scores of a place alike, which softmax does not see.
        if (role === 'key') return y
        return b.binary('add', y, network.parameter(`${role}Bias`, [size], 'zeros', { inputs: 1, outputs: 1 }, false))
      }
      const parts = (role: string): Value => b.reshape(project(role, x), [1, length, heads, each])
      const [query, key, value] = [parts('query'), parts('key'), parts('value')]
      const batched = { lhsBatch: [0, 2], rhsBatch: [0, 2] }
      const scores = b.dotGeneral(query, key, { ...batched, lhsContract: [3], rhsContract: [3] })
      const scaled = b.map([scores], (s) => f.mul(s, 1 / Math.sqrt(each)))
      const powers = b.map([scaled, b.reduce('max', scaled, [3], true)], (s, most) => f.exp(f.sub(s, most)))
      const weights = b.binary('div', powers, b.reduce('add', powers, [3], true))
      const heard = b.dotGeneral(weights, value, {
        ...{ lhsBatch: [0, 1], rhsBatch: [0, 2] },
        ...{ lhsContract: [3], rhsContract: [1] },
      })
      return project('output', b.reshape(b.transpose(heard, [0, 2, 1, 3]), [1, length, size]))
    },
  }
}

/** Adds a parameter for each place of a sequence (Gehring et al., 2017): f32[1, n, size] to the same. */
export function positionEmbedding(options: { readonly initializer?: Initializer | undefined } = {}): Layer {
  checkOptions('positionEmbedding', options, { initializer: known })
  const { initializer = 'normal-0.02' } = options
  return {
    kind: 'positionEmbedding',
    build: (network, x) => {
      const [inputs, outputs] = [x.type.shape.at(-2)!, x.type.shape.at(-1)!]
      const table = network.parameter('weight', [inputs, outputs], initializer, { inputs, outputs }, false)
      return network.b.binary('add', x, table)
    },
  }
}
