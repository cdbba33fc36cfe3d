import { convert } from '../../../core/scalar/expr.ts'
import type { OpContext, Operator } from '../../context.ts'
import { diagonalOffset, matrixIndices } from '../../shared/matrix.ts'
import * as f from '../../../core/scalar/formula.ts'

/** Ones on the diagonal that `k` moves up, in the input's shape. */
export const eyeLike: Operator = {
  floats: 'storage',
  lower: (c: OpContext) => {
    const { dtype, shape } = c.input(0).type
    c.check(shape.length === 2, `[${shape.join(',')}] is no matrix`)
    const k = diagonalOffset(c.int('k', 0), shape)
    return [
      c.b.map(matrixIndices(c.b, shape), (row, column) =>
        convert(f.eq(f.add(row!, k), column!), c.dtype('dtype', dtype)),
      ),
    ]
  },
}
