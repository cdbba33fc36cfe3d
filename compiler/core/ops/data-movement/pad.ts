import { check } from '../../diagnostics/check.ts'
import { rowMajorStrides, walk } from '../../shape.ts'
import { zeros, type TensorType } from '../../tensor.ts'
import { inOperand, inResult, type Facets } from '../facets.ts'

export interface PadAttrs {
  /** Elements added before and after each axis; not negative. */
  readonly low: readonly number[]
  readonly high: readonly number[]
}

/** Surrounds operand 0 with the scalar operand 1. */
export const pad: Facets<PadAttrs> = {
  type: ([x, value], { low, high }) => {
    check(x !== undefined && value !== undefined, 'pad wants a tensor and a scalar')
    check(value.shape.length === 0 && value.dtype === x.dtype, `pad value must be a scalar ${x.dtype}`)
    check(
      low.length === x.shape.length && high.length === x.shape.length,
      `padding of another rank than ${x.shape.length}`,
    )
    check(
      [...low, ...high].every((n) => Number.isInteger(n) && n >= 0),
      'padding may not be negative',
    )
    return [{ dtype: x.dtype, shape: x.shape.map((d, i) => low[i]! + d + high[i]!) }]
  },
  evaluate: ([x, value], attrs) => {
    const [type] = pad.type([x!, value!], attrs) as [TensorType]
    const result = zeros(type.dtype, type.shape)
    const data = result.data as { fill(value: number | bigint): void; [i: number]: number | bigint }
    data.fill(value!.data[0]!)
    const own = rowMajorStrides(type.shape)
    const base = attrs.low.reduce((sum, n, i) => sum + n * own[i]!, 0)
    let from = 0
    walk(
      x!.shape,
      [own],
      ([to]) => {
        data[to!] = x!.data[from++]!
      },
      [base],
    )
    return [result]
  },
  indices: ([x], { low, high }) =>
    x!.shape.map((extent, i) => ({
      extent,
      places: [inOperand(0, i, extent), inResult(0, i, low[i]! + extent + high[i]!, { offset: low[i]! })],
    })),
  keep: ([x], { low, high }, { results }) => {
    const count = (axis: number, from: number, to: number): number =>
      results[0]![axis]?.filter((at) => at >= from && at < to).length ?? to - from
    const end = (axis: number): number => low[axis]! + x!.shape[axis]!
    return { low: low.map((n, i) => count(i, 0, n)), high: high.map((n, i) => count(i, end(i), end(i) + n)) }
  },
}
