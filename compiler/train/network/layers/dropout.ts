import type { Layer } from '../context.ts'
import { checkArguments, share } from '../options.ts'

/** Sets a share of `ratio` of the elements to zero while training. */
export function dropout(ratio: number): Layer {
  checkArguments('dropout', { ratio }, { ratio: share })
  return { kind: 'dropout', build: (network, x) => network.dropout(x, ratio) }
}
