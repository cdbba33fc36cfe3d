import { fail } from '../../../core/diagnostics/diagnostic.ts'
import type { Layer } from '../context.ts'
import type { Initializer } from '../initializers.ts'
import { checkArguments, checkOptions, count, id, initializer } from '../options.ts'

export interface EmbeddingOptions {
  /** The id that fills up: lstm, gru, selfAttention and globalAveragePool leave its places out. */
  readonly padding?: number | undefined
  readonly initializer?: Initializer | undefined
}

/** A row of a table of `rows` × `size` for each id: i32[1, n] to f32[1, n, size]. */
export function embedding(rows: number, size: number, options: EmbeddingOptions = {}): Layer {
  checkArguments('embedding', { rows, size }, { rows: count, size: count })
  checkOptions('embedding', options, { padding: id, initializer })
  const { padding } = options
  if (padding !== undefined && padding >= rows)
    fail('A702', `embedding: padding is ${padding}, and the table has ${rows} rows`)
  return {
    kind: 'embedding',
    build: (network, ids) => {
      const start = options.initializer ?? 'normal-0.02'
      const table = network.parameter('weight', [rows, size], start, { inputs: rows, outputs: size }, false)
      if (padding !== undefined) network.pads(ids, padding)
      return network.b.take(table, ids, 0)
    },
  }
}
