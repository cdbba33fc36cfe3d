import { OperandError } from '../../core/diagnostics/diagnostic.ts'
import type { Builder } from '../../core/builder.ts'
import type { Value } from '../../core/graph.ts'
import { broadcastShapes } from '../../core/shape.ts'
import { formatType } from '../../core/tensor.ts'

/** An axis of the product: the i-th of its batch axes (0, 1, …), or a row or column axis. */
type Label = number | 'row' | 'column'

/**
 * NumPy matmul: contracts the last axis of `a` with the last but one of `b` and broadcasts the axes before; a vector has no
 * row or no column axis. No operand is repeated: an axis that only one side has is a free axis of it.
 */
export function matmul(b: Builder, left: Value, right: Value): Value {
  const l = left.type.shape
  const r = right.type.shape
  const lBatch = l.slice(0, -2)
  const rBatch = r.slice(0, -2)
  const batch = broadcastShapes([lBatch, rBatch])
  if (l.length === 0 || r.length === 0 || batch === undefined) {
    throw new OperandError(`${formatType(left.type)} and ${formatType(right.type)} cannot be multiplied`)
  }
  const has = (side: readonly number[], i: number): boolean => {
    const size = side[side.length - batch.length + i]
    return size !== undefined && (size !== 1 || batch[i] === 1)
  }
  const axes = batch.map((_, i) => i)
  const shared = axes.filter((i) => has(lBatch, i) && has(rBatch, i))
  const lOnly = axes.filter((i) => has(lBatch, i) && !has(rBatch, i))
  const rOnly = axes.filter((i) => !has(lBatch, i) && has(rBatch, i))

  const drop = (x: Value, side: readonly number[]): Value =>
    b.reshape(x, [
      ...axes.filter((i) => has(side, i)).map((i) => batch[i]!),
      ...x.type.shape.slice(Math.max(0, x.type.shape.length - 2)),
    ])
  const lKept = axes.filter((i) => has(lBatch, i))
  const rKept = axes.filter((i) => has(rBatch, i))
  const product = b.dotGeneral(drop(left, lBatch), drop(right, rBatch), {
    lhsBatch: shared.map((i) => lKept.indexOf(i)),
    rhsBatch: shared.map((i) => rKept.indexOf(i)),
    lhsContract: [lKept.length + (l.length > 1 ? 1 : 0)],
    rhsContract: [rKept.length],
  })
  const row: Label[] = l.length > 1 ? ['row'] : []
  const column: Label[] = r.length > 1 ? ['column'] : []
  const order: Label[] = [...shared, ...lOnly, ...row, ...rOnly, ...column]
  const wanted: Label[] = [...axes, ...row, ...column]
  return b.transpose(
    product,
    wanted.map((label) => order.indexOf(label)),
  )
}
