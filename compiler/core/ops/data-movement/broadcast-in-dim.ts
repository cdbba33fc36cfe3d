import { check } from '../../diagnostics/check.ts'
import { rowMajorStrides, walk, type Shape } from '../../shape.ts'
import { formatType, zeros } from '../../tensor.ts'
import { checkDistinctAxes, inOperand, inResult, keptShape, type Facets, type Index } from '../facets.ts'

export interface BroadcastInDimAttrs {
  readonly shape: Shape
  /** Axis i of the operand is axis dims[i] of the result; ascending. */
  readonly dims: readonly number[]
}

/** Repeats the operand along new axes and along its axes of length 1 (StableHLO broadcast_in_dim). */
export const broadcastInDim: Facets<BroadcastInDimAttrs> = {
  type: ([x], { shape, dims }) => {
    check(x !== undefined, 'broadcast_in_dim wants one operand')
    check(dims.length === x.shape.length, `${dims.length} dimensions for ${formatType(x)}`)
    checkDistinctAxes(dims, shape.length)
    const fits = dims.every((d, i) => (i === 0 || d > dims[i - 1]!) && (x.shape[i] === 1 || x.shape[i] === shape[d]))
    check(fits, `${formatType(x)} does not broadcast to [${shape.join(',')}] along ${dims.join(',')}`)
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
  indices: ([x], { shape, dims }) =>
    shape.map((extent, axis): Index => {
      const own = dims.indexOf(axis)
      const repeats = own < 0 || x!.shape[own] !== extent
      return { extent, places: [...(repeats ? [] : [inOperand(0, own, extent)]), inResult(0, axis, extent)] }
    }),
  keep: (_, { shape, dims }, { results }) => ({ shape: keptShape(shape, results[0]!), dims }),
}
