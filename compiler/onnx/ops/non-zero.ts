import { rowMajorStrides } from '../../core/shape.ts'
import { reader, tensorOf } from '../../core/tensor.ts'
import type { Operator } from '../context.ts'

/** Coordinates of the elements that are not 0, one column each. The result's shape depends on the data. */
export const nonZero: Operator = {
  floats: 'storage',
  limits: 'its input must be known at compile time',
  lower: (c) => {
    const x = c.constant(0)
    const read = reader(x)
    const found: number[] = []
    for (let i = 0; i < x.data.length; i++) if (Number(read(i)) !== 0) found.push(i)
    const coordinates = rowMajorStrides(x.shape).flatMap((stride, axis) =>
      found.map((i) => Math.floor(i / stride) % x.shape[axis]!),
    )
    return [c.b.constant(tensorOf('i64', [x.shape.length, found.length], coordinates))]
  },
}
