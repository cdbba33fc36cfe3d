import type { OpContext, Operator } from '../../context.ts'
import * as f from '../../../core/scalar/formula.ts'
import { diagonalOffset, matrixIndices } from '../../shared/matrix.ts'

/** The upper or lower triangle of the matrices along the last two axes; the diagonal that `k` moves up belongs to it. */
export const trilu: Operator = {
  lower: (c: OpContext) => {
    const x = c.input(0)
    const { shape } = x.type
    c.check(shape.length >= 2, `[${shape.join(',')}] is no matrix`)
    const k = diagonalOffset(c.constantInts(1, [0])[0]!, shape)
    const inside = c.int('upper', 1) !== 0 ? f.le : f.ge
    return [
      c.b.map([x, ...matrixIndices(c.b, shape)], (a, row, column) => f.select(inside(f.add(row!, k), column!), a!, 0)),
    ]
  },
}
