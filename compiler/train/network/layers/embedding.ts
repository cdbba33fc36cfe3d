import type { Layer } from '../context.ts'
import type { Initializer } from '../initializers.ts'
import { checkArguments, checkOptions, count, initializer } from '../options.ts'

export interface EmbeddingOptions {
  readonly initializer?: Initializer | undefined
}

/** A row of a table of `rows` × `size` for each id: i32[1, n] to f32[1, n, size]. */
export function embedding(rows: number, size: number, options: EmbeddingOptions = {}): Layer {
  checkArguments('embedding', { rows, size }, { rows: count, size: count })
  checkOptions('embedding', options, { initializer })
  return {
    kind: 'embedding',
    build: (network, ids) => {
      const start = options.initializer ?? 'normal-0.02'
      const table = network.parameter('weight', [rows, size], start, { inputs: rows, outputs: size }, false)
      return network.b.take(table, ids, 0)
    },
  }
}
