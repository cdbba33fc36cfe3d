import type { Tensor } from '../tensor.ts'
import type { Facets } from './facets.ts'

export interface ConstantAttrs {
  readonly value: Tensor
}

/** A tensor known at compile time. */
export const constant: Facets<ConstantAttrs> = {
  type: (_, { value }) => [{ dtype: value.dtype, shape: value.shape }],
  evaluate: (_, { value }) => [value],
  axes: () => [],
}
