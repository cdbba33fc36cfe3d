import { check } from '../../diagnostics/check.ts'
import { rowMajorStrides, walk, type Shape } from '../../shape.ts'
import { formatType, zeros } from '../../tensor.ts'
import { inOperand, inResult, type Facets } from '../facets.ts'

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
    check(x !== undefined, 'slice wants one operand')
    const rank = x.shape.length
    check(
      start.length === rank && shape.length === rank && strides.length === rank,
      `slice of another rank than ${rank}`,
    )
    const inside = shape.every((count, i) => {
      const last = start[i]! + (count - 1) * strides[i]!
      const within = (at: number): boolean => at >= 0 && at < x.shape[i]!
      return strides[i] !== 0 && count >= 0 && (count === 0 || (within(start[i]!) && within(last)))
    })
    check(
      inside,
      `slice [${shape.join(',')}] from [${start.join(',')}] by [${strides.join(',')}] leaves ${formatType(x)}`,
    )
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
  indices: ([x], { start, shape, strides }) =>
    shape.map((extent, i) => ({
      extent,
      places: [inOperand(0, i, x!.shape[i]!, { offset: start[i]!, stride: strides[i]! }), inResult(0, i, extent)],
    })),
  keep: (_, attrs, { operands, results }) => {
    const axes = attrs.shape.map((count, i) => {
      const taken = results[0]![i] ?? Array.from({ length: count }, (_, k) => k)
      const from = taken.map((k) => attrs.start[i]! + k * attrs.strides[i]!)
      const own = operands[0]![i]
      const at = own ? from.map((position) => own.indexOf(position)) : from
      return { start: at[0] ?? 0, count: at.length, stride: at.length > 1 ? at[1]! - at[0]! : 1, at }
    })
    const even = axes.every(({ at, start, stride }) => at.every((position, k) => position === start + k * stride))
    const [start, shape, strides] = [axes.map((a) => a.start), axes.map((a) => a.count), axes.map((a) => a.stride)]
    return even ? { start, shape, strides } : undefined
  },
}
