import type { Builder } from '../../core/builder.ts'
import type { Value } from '../../core/graph.ts'
import type { Shape } from '../../core/shape.ts'

/** Row and column index of each element of matrices along the last two axes; they broadcast to `shape`. */
export function matrixIndices(b: Builder, shape: Shape): [Value, Value] {
  const [rows, columns] = shape.slice(-2)
  return [b.iota('i32', [rows!, 1], 0), b.iota('i32', [columns!], 0)]
}

/** How far a diagonal is moved up, limited to what makes a difference in `shape`. */
export const diagonalOffset = (k: number, shape: Shape): number => Math.max(-shape.at(-2)!, Math.min(shape.at(-1)!, k))
