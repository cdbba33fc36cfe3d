import { rowMajorStrides, walk } from '../shape.ts'
import { zeros, type TensorType } from '../tensor.ts'
import { require, toResult, type Facets } from './facets.ts'

export interface PadAttrs {
  /** Elements added before and after each axis; not negative. */
  readonly low: readonly number[]
  readonly high: readonly number[]
}

/** Surrounds operand 0 with the scalar operand 1. */
export const pad: Facets<PadAttrs> = {
  type: ([x, value], { low, high }) => {
    require(x !== undefined && value !== undefined, 'pad wants a tensor and a scalar')
    require(value.shape.length === 0 && value.dtype === x.dtype, `pad value must be a scalar ${x.dtype}`)
    require(low.length === x.shape.length &&
      high.length === x.shape.length, `padding of another rank than ${x.shape.length}`)
    require([...low, ...high].every((n) => Number.isInteger(n) && n >= 0), 'padding may not be negative')
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
  axes: ([x], { low }) => [x!.shape.map((_, i) => toResult(i, low[i]!)), []],
}
