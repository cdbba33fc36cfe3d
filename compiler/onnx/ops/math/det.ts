import type { Value } from '../../../core/graph.ts'
import type { OpContext, Operator } from '../../context.ts'
import * as f from '../../../core/scalar/formula.ts'

/** Elimination is unrolled: this many steps at most. */
const maxSize = 64

/** By elimination with partial pivoting, one column at a time. */
export const det: Operator = {
  limits: `matrices of ${maxSize} rows at most`,
  lower: (c: OpContext) => {
    const { b } = c
    const x = c.input(0)
    const { dtype, shape } = x.type
    const size = shape.at(-1) ?? 0
    c.check(shape.length >= 2 && shape.at(-2) === size, `X has shape [${shape.join(',')}]`)
    if (size > maxSize) c.unsupported(`a matrix of ${size} rows; the limit is ${maxSize}`)
    const rowAxis = shape.length - 2
    const columnAxis = shape.length - 1
    const batch = shape.slice(0, -2)
    let rest = x
    let result: Value = b.full(1, dtype, batch)
    for (let n = size; n > 0; n--) {
      const column = b.sliceAxis(rest, columnAxis, 0, 1)
      const largest = b.argreduce(b.unary('abs', column), { kind: 'max', axis: rowAxis, last: false })
      const pivotRow = b.reshape(largest, [...batch, 1, 1])
      const rows = b.iota('i32', [n, 1], 0)
      // The pivot's row changes places with the first.
      const pivots = b.reduce(
        'add',
        b.map([rows, pivotRow, rest], (r, p, e) => f.select(f.eq(r, p), e, 0)),
        [rowAxis],
        true,
      )
      const first = b.sliceAxis(rest, rowAxis, 0, 1)
      const swapped = b.map([rows, pivotRow, first, rest], (r, p, top, e) => f.select(f.eq(r, p), top, e))
      const pivot = b.sliceAxis(pivots, columnAxis, 0, 1)
      const flat = (v: Value): Value => b.reshape(v, batch)
      result = b.map([result, flat(pivot), flat(pivotRow)], (d, p, row) =>
        f.mul(d, f.select(f.eq(row, 0), p, f.neg(p))),
      )
      if (n === 1) break
      const tail = (v: Value, axes: readonly number[]): Value =>
        axes.reduce((t, axis) => b.sliceAxis(t, axis, 1, t.type.shape[axis]! - 1), v)
      const below = tail(swapped, [rowAxis])
      const factor = b.map([b.sliceAxis(below, columnAxis, 0, 1), pivot], (e, p) =>
        f.select(f.eq(p, 0), 0, f.div(e, p)),
      )
      rest = b.map([tail(below, [columnAxis]), factor, tail(pivots, [columnAxis])], (e, k, p) => f.sub(e, f.mul(k, p)))
    }
    return [result]
  },
}
