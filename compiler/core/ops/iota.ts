import { normalize } from '../scalar.ts'
import { rowMajorStrides } from '../shape.ts'
import { writer, zeros, type TensorType } from '../tensor.ts'
import { requireAxis, type Facets } from './facets.ts'

export interface IotaAttrs {
  readonly type: TensorType
  readonly axis: number
}

/** Each element is its own index along `axis` (StableHLO iota). */
export const iota: Facets<IotaAttrs> = {
  type: (_, { type, axis }) => {
    requireAxis(axis, type.shape.length)
    return [type]
  },
  evaluate: (_, { type, axis }) => {
    const result = zeros(type.dtype, type.shape)
    const write = writer(result)
    const stride = rowMajorStrides(type.shape)[axis]!
    for (let i = 0; i < result.data.length; i++) {
      write(i, normalize(type.dtype, BigInt(Math.floor(i / stride) % type.shape[axis]!)))
    }
    return [result]
  },
  axes: () => [],
}
