import type { OpContext, Operator } from '../../context.ts'
import * as f from '../../../core/scalar/formula.ts'

/** Distances of the rows of A [m, k] from those of B [n, k]: [m, n]. */
export const cDist: Operator = {
  limits: 'metrics euclidean and sqeuclidean',
  lower: (c: OpContext) => {
    const { b } = c
    const metric = c.string('metric', 'sqeuclidean')
    if (metric !== 'euclidean' && metric !== 'sqeuclidean') c.unsupported(`metric "${metric}"`)
    const [x, y] = [c.input(0), c.input(1)]
    const [[m = 0, k], [n = 0, other]] = [x.type.shape, y.type.shape]
    c.check(k !== undefined && k === other, `rows of [${x.type.shape.join(',')}] and [${y.type.shape.join(',')}]`)
    const operands = [b.reshape(x, [m, 1, k]), b.reshape(y, [1, n, k])]
    const squares = b.reduce(
      'add',
      b.map(operands, (p, q) => f.square(f.sub(p, q))),
      [2],
    )
    return [metric === 'euclidean' ? b.unary('sqrt', squares) : squares]
  },
}
