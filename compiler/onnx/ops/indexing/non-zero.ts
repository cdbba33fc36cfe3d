import { convert } from '../../../core/scalar/expr.ts'
import * as f from '../../../core/scalar/formula.ts'
import { elementCount, rowMajorStrides } from '../../../core/shape.ts'
import { tensorOf } from '../../../core/tensor.ts'
import type { Operator } from '../../context.ts'
import { limited, placesOf } from '../../shared/compaction.ts'

/** Coordinates of the elements that are not 0, one column each; as many as the data have. */
export const nonZero: Operator = {
  floats: 'storage',
  lower: (c) => {
    const { b } = c
    const { shape } = c.input(0).type
    const holds = b.reshape(b.convert(c.input(0), 'bool'), [elementCount(shape)])
    const { places, count } = placesOf(b, holds)
    const column = (values: readonly number[]) => b.constant(tensorOf('i32', [shape.length, 1], values))
    const coordinates = b.map([places, column(rowMajorStrides(shape)), column(shape)], (place, stride, size) =>
      convert(f.rem(f.div(place!, stride!), size!), 'i64'),
    )
    return [limited(b, coordinates, 1, count)]
  },
}
