import { rowMajorStrides, walk, type Shape } from '../shape.ts'
import { formatType, zeros } from '../tensor.ts'
import { mixed, require, requireDistinctAxes, toResult, type Facets } from './facets.ts'

export interface BroadcastInDimAttrs {
  readonly shape: Shape
  /** Axis i of the operand is axis dims[i] of the result; ascending. */
  readonly dims: readonly number[]
}

/** Repeats the operand along new axes and along its axes of length 1 (StableHLO broadcast_in_dim). */
export const broadcastInDim: Facets<BroadcastInDimAttrs> = {
  type: ([x], { shape, dims }) => {
    require(x !== undefined, 'broadcast_in_dim wants one operand')
    require(dims.length === x.shape.length, `${dims.length} dimensions for ${formatType(x)}`)
    requireDistinctAxes(dims, shape.length)
    const fits = dims.every((d, i) => (i === 0 || d > dims[i - 1]!) && (x.shape[i] === 1 || x.shape[i] === shape[d]))
    require(fits, `${formatType(x)} does not broadcast to [${shape.join(',')}] along ${dims.join(',')}`)
    return [{ dtype: x.dtype, shape }]
  },
  evaluate: ([x], { shape, dims }) => {
    const result = zeros(x!.dtype, shape)
    const own = rowMajorStrides(x!.shape)
    const strides = shape.map((_, axis) => {
      const i = dims.indexOf(axis)
      return i < 0 || x!.shape[i] === 1 ? 0 : own[i]!
    })
    let at = 0
    walk(shape, [strides], ([from]) => {
      result.data[at++] = x!.data[from!]!
    })
    return [result]
  },
  axes: ([x], { shape, dims }) => [x!.shape.map((d, i) => (d === shape[dims[i]!] ? toResult(dims[i]!) : mixed))],
}
