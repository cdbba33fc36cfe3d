import type { Builder } from '../../../core/builder.ts'
import { integerRange } from '../../../core/scalar/dtype.ts'
import { clamp } from '../../../core/scalar/formula.ts'
import type { Value } from '../../../core/graph.ts'
import { tensorOf } from '../../../core/tensor.ts'
import type { Vjp } from '../rule.ts'
import { isEmpty } from '../spread.ts'

/** One number for each component of the index vectors, to be broadcast over them. */
export function alongVectors(b: Builder, indices: Value, vectorDim: number, numbers: readonly number[]): Value {
  const { dtype, shape } = indices.type
  const { max } = integerRange(dtype)
  // Indices of a narrow type never reach a limit beyond its range.
  const fitting = numbers.map((n) => (BigInt(n) > max ? max : BigInt(n)))
  const along = shape.map((_, axis) => (axis === vectorDim ? numbers.length : 1))
  return b.constant(tensorOf(dtype, along, vectorDim === shape.length ? fitting.slice(0, 1) : fitting))
}

/** The cotangent added where slices were taken: at the clamped places, for a scatter leaves out what is outside. */
export const gather: Vjp<'gather'> = ({ node, b, dy }) => {
  const [x, indices] = node.operands
  const a = node.attrs
  const { shape } = x!.type
  if (isEmpty(dy)) return []
  const last = alongVectors(
    b,
    indices!,
    a.indexVectorDim,
    a.startIndexMap.map((axis) => shape[axis]! - a.sliceSizes[axis]!),
  )
  const zero = b.scalar(0, indices!.type.dtype)
  const places =
    a.startIndexMap.length === 0
      ? indices!
      : b.map([indices!, last, zero], (index, limit, lowest) => clamp(index!, lowest!, limit!))
  const none = b.full(0, dy.type.dtype, shape)
  return [
    b.scatter(none, places, dy, {
      kind: 'add',
      updateWindowDims: a.offsetDims,
      insertedWindowDims: a.collapsedSliceDims,
      inputBatchingDims: a.operandBatchingDims,
      scatterIndicesBatchingDims: a.startIndicesBatchingDims,
      scatterDimsToOperandDims: a.startIndexMap,
      indexVectorDim: a.indexVectorDim,
    }),
  ]
}
