import { rowMajorStrides, walk, type Shape } from '../shape.ts'
import { formatType, zeros } from '../tensor.ts'
import { mixed, require, toResult, type Facets } from './facets.ts'

export interface SliceAttrs {
  /** Index of the first element taken along each axis. */
  readonly start: readonly number[]
  /** Shape of the result. */
  readonly shape: Shape
  /** Distance between elements taken; may be negative, never 0. */
  readonly strides: readonly number[]
}

/** Elements start, start + stride, … along each axis (StableHLO slice, with negative strides as well). */
export const slice: Facets<SliceAttrs> = {
  type: ([x], { start, shape, strides }) => {
    require(x !== undefined, 'slice wants one operand')
    const rank = x.shape.length
    require(start.length === rank &&
      shape.length === rank &&
      strides.length === rank, `slice of another rank than ${rank}`)
    const inside = shape.every((count, i) => {
      const last = start[i]! + (count - 1) * strides[i]!
      const within = (at: number): boolean => at >= 0 && at < x.shape[i]!
      return strides[i] !== 0 && count >= 0 && (count === 0 || (within(start[i]!) && within(last)))
    })
    require(inside, `slice [${shape.join(',')}] from [${start.join(',')}] by [${strides.join(',')}] leaves ${formatType(x)}`)
    return [{ dtype: x.dtype, shape }]
  },
  evaluate: ([x], { start, shape, strides }) => {
    const result = zeros(x!.dtype, shape)
    const own = rowMajorStrides(x!.shape)
    const base = start.reduce((sum, s, i) => sum + s * own[i]!, 0)
    let at = 0
    walk(
      shape,
      [strides.map((s, i) => s * own[i]!)],
      ([from]) => {
        result.data[at++] = x!.data[from!]!
      },
      [base],
    )
    return [result]
  },
  axes: ([x], { start, shape, strides }) => [
    x!.shape.map((d, i) => (d === shape[i] && start[i] === 0 && strides[i] === 1 ? toResult(i) : mixed)),
  ],
}
