import type { TensorType } from '../tensor.ts'
import { keepsAll, type Facets } from './facets.ts'

export interface InputAttrs {
  readonly name: string
  readonly type: TensorType
}

/** A tensor that the caller gives for each run. */
export const input: Facets<InputAttrs> = {
  type: (_, { type }) => [type],
  evaluate: (_, { name }) => {
    throw new TypeError(`input ${name} has no value until the model runs`)
  },
  indices: () => [],
  keep: keepsAll,
}
