import { pick, type Tensor } from '../tensor.ts'
import { inResult, type Facets } from './facets.ts'

export interface ConstantAttrs {
  readonly value: Tensor
}

/** A tensor known at compile time. */
export const constant: Facets<ConstantAttrs> = {
  type: (_, { value }) => [{ dtype: value.dtype, shape: value.shape }],
  evaluate: (_, { value }) => [value],
  indices: (_, { value: { shape } }) => shape.map((extent, axis) => ({ extent, places: [inResult(0, axis, extent)] })),
  keep: (_, { value }, { results }) => ({ value: pick(value, results[0]!) }),
}
