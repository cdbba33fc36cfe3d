import { check } from '../diagnostics/check.ts'
import { rowMajorStrides, walk } from '../shape.ts'
import { reader, writer, zeros } from '../tensor.ts'
import { checkAxis, sameIndices, type Facets } from './facets.ts'

export interface SortAttrs {
  readonly axis: number
  readonly descending: boolean
}

/** Sorts along `axis`, stably; results are the sorted elements and the i32 index each came from. NaN counts as largest. */
export const sort: Facets<SortAttrs> = {
  type: ([x], { axis }) => {
    check(x !== undefined, 'sort wants one operand')
    checkAxis(axis, x.shape.length)
    return [
      { dtype: x.dtype, shape: x.shape },
      { dtype: 'i32', shape: x.shape },
    ]
  },
  evaluate: ([x], { axis, descending }) => {
    const values = zeros(x!.dtype, x!.shape)
    const indices = zeros('i32', x!.shape)
    const read = reader(x!)
    const write = writer(values)
    const strides = rowMajorStrides(x!.shape)
    const along = strides[axis]!
    const less = (a: number | bigint, b: number | bigint): boolean => a < b || (Number.isNaN(b) && !Number.isNaN(a))
    walk(
      x!.shape.map((d, i) => (i === axis ? Math.min(d, 1) : d)),
      [strides],
      ([base]) => {
        const order = Array.from({ length: x!.shape[axis]! }, (_, i) => i)
        const at = (i: number): number | bigint => read(base! + i * along)
        const compare = (i: number, j: number): number => (less(at(i), at(j)) ? -1 : less(at(j), at(i)) ? 1 : 0)
        order.sort((i, j) => (descending ? compare(j, i) : compare(i, j)) || i - j)
        order.forEach((from, to) => {
          write(base! + to * along, at(from))
          indices.data[base! + to * along] = from
        })
      },
    )
    return [values, indices]
  },
  indices: ([x], { axis }) => sameIndices(x!, [axis], 2),
  keep: (_, attrs, { operands }) => (operands[0]![attrs.axis] ? undefined : attrs),
}
