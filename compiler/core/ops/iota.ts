import { normalize } from '../scalar/scalar.ts'
import { rowMajorStrides } from '../shape.ts'
import { writer, zeros, type TensorType } from '../tensor.ts'
import { checkAxis, inResult, keptShape, type Facets } from './facets.ts'

export interface IotaAttrs {
  readonly type: TensorType
  readonly axis: number
}

/** Each element is its own index along `axis` (StableHLO iota). */
export const iota: Facets<IotaAttrs> = {
  type: (_, { type, axis }) => {
    checkAxis(axis, type.shape.length)
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
  indices: (_, { type: { shape }, axis }) =>
    shape.flatMap((extent, i) => (i === axis ? [] : [{ extent, places: [inResult(0, i, extent)] }])),
  keep: (_, { type, axis }, { results }) =>
    results[0]![axis] ? undefined : { type: { ...type, shape: keptShape(type.shape, results[0]!) }, axis },
}
