import type { Layer } from '../context.ts'

/** Sets a share of `ratio` of the elements to zero while training. */
export const dropout = (ratio: number): Layer => ({
  kind: 'dropout',
  build: (network, x) => network.dropout(x, ratio),
})
