import * as expr from '../../../core/scalar/expr.ts'
import type { Value } from '../../../core/graph.ts'
import type { OpContext, Operator } from '../../context.ts'
import { range } from '../../shared/axes.ts'
import * as f from '../../../core/scalar/formula.ts'

/** Grids for GridSample: positions [batch, …spatial, component] of a regular grid under the affine maps `theta`. */
export const affineGrid: Operator = {
  since: 20,
  lower: (c: OpContext) => {
    const { b } = c
    const theta = c.input(0)
    const { dtype } = theta.type
    const [batch = 0, , ...spatial] = c.constantInts(1)
    const rank = spatial.length
    c.check(
      theta.type.shape.join() === [batch, rank, rank + 1].join() && spatial.every((d) => d >= 1),
      `maps of shape [${theta.type.shape.join(',')}] for ${batch} grids of [${spatial.join(',')}]`,
    )
    const align = c.int('align_corners', 0) !== 0
    // Component 0 runs along the last axis.
    const regular = range(0, rank + 1).map((k): Value => {
      const shape = [...spatial, 1]
      if (k === rank) return b.full(1, dtype, shape)
      const size = spatial[rank - 1 - k]!
      const [step, first] = align ? [2 / Math.max(1, size - 1), size > 1 ? -1 : 0] : [2 / size, 1 / size - 1]
      return b.map([b.iota('i32', shape, rank - 1 - k)], (i) => f.add(f.mul(expr.convert(i, dtype), step), first))
    })
    const dot = { lhsBatch: [], rhsBatch: [], lhsContract: [rank], rhsContract: [2] }
    const grids = b.dotGeneral(b.concatenate(regular, rank), theta, dot)
    return [b.transpose(grids, [rank, ...range(0, rank), rank + 1])]
  },
}
