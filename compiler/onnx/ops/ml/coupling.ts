import type { Builder } from '../../../core/builder.ts'
import { convert, type Expr } from '../../../core/scalar/expr.ts'
import type { Value } from '../../../core/graph.ts'
import * as f from '../../../core/scalar/formula.ts'
import { range } from '../../shared/axes.ts'

/** Rounds of the iteration, as in LIBSVM and onnxruntime; it is unrolled, and a row that has converged stays as it is. */
const rounds = 100

/**
 * Probabilities of the classes, [classes, rows], from those of the first class of each pair, [pairs, rows] in (0, 1): Wu, Lin
 * and Weng 2004, "Probability estimates for multi-class classification by pairwise coupling", algorithm 2, with the stopping
 * rule of LIBSVM. They minimize pᵀ Q p.
 */
export function couple(
  b: Builder,
  pairs: readonly (readonly [number, number])[],
  first: Value,
  classes: number,
): Value {
  const rows = first.type.shape[1]!
  const row = (x: Value, i: number): Value => b.sliceAxis(x, 0, i, 1)
  /** The probability of class i against class j, [1, rows]. */
  const against = (i: number, j: number): Value => {
    const found = pairs.findIndex(([a, z]) => a === Math.min(i, j) && z === Math.max(i, j))
    return i < j ? row(first, found) : b.map([row(first, found)], (r) => f.sub(1, r))
  }
  const all = range(0, classes)
  const q = all.map((i) =>
    all.map((j) => {
      if (i !== j) return b.map([against(j, i), against(i, j)], (r, s) => f.neg(f.mul(r, s)))
      const squares = all.filter((k) => k !== i).map((k) => b.map([against(k, i)], f.square))
      return b.map(squares, (...terms) => terms.reduce(f.add))
    }),
  )
  const matrix = b.reshape(b.concatenate(q.flat(), 0), [classes, classes, rows])
  // The state is p, Q p and pᵀ Q p, one below the other. A step adds diff times a direction to the first two.
  const identity = (t: number): Value => {
    const unit = b.map([b.iota('i32', [classes, 1], 0)], (i) => convert(f.eq(i, t), 'f32'))
    return b.broadcast(unit, [classes, rows])
  }
  const directions = all.map((t) => b.concatenate([identity(t), ...q[t]!, b.full(0, 'f32', [1, rows])], 0))
  const place = b.iota('i32', [2 * classes + 1, 1], 0)

  let p = b.full(1 / classes, 'f32', [classes, rows])
  for (let round = 0; round < rounds; round++) {
    const product = b.reduce('add', b.binary('mul', matrix, b.reshape(p, [1, classes, rows])), [1])
    const value = b.reduce('add', b.binary('mul', p, product), [0], true)
    const error = b.reduce(
      'max',
      b.map([product, value], (x, v) => f.abs(f.sub(x, v))),
      [0],
      true,
    )
    let state = b.concatenate([p, product, value], 0)
    for (const t of all) {
      const operands = [state, row(state, classes + t), row(state, 2 * classes), q[t]![t]!, directions[t]!, place]
      state = b.map(operands, (x, slope, current, curvature, direction, i) => {
        const diff = f.div(f.sub(current, slope), curvature)
        const grown = f.add(diff, 1)
        const bent: Expr = f.mul(diff, f.add(f.mul(diff, curvature), f.mul(slope, 2)))
        const moved = f.add(x, f.mul(diff, direction))
        return f.select(f.eq(i, 2 * classes), f.div(f.div(f.add(x, bent), grown), grown), f.div(moved, grown))
      })
    }
    const next = b.sliceAxis(state, 0, 0, classes)
    p = b.map([error, p, next], (e, before, after) => f.select(f.lt(e, Math.fround(0.005 / classes)), before, after))
  }
  return p
}
