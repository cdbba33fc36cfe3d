import type { Layer } from '../context.ts'
import type { Initializer } from '../initializers.ts'

export interface EmbeddingOptions {
  readonly initializer?: Initializer | undefined
}

/** A row of a table of `rows` × `size` for each id: i32[1, n] to f32[1, n, size]. */
export const embedding = (
  rows: number,
  size: number,
  { initializer = 'normal-0.02' }: EmbeddingOptions = {},
): Layer => ({
  kind: 'embedding',
  build: (network, ids) => {
    const table = network.parameter('weight', [rows, size], initializer, { inputs: rows, outputs: size }, false)
    return network.b.take(table, ids, 0)
  },
})
