import { byteSize, isFloat } from '../../../core/scalar/dtype.ts'
import { freeAxes } from '../../../core/ops/dot-general.ts'
import { elementCount } from '../../../core/shape.ts'
import { computeType } from '../kernels.ts'
import type { Emitter } from '../emitter.ts'
import type { Edge } from '../graph.ts'
import type { Rule } from './rule.ts'

/** Gemm of matrices that are transposed, else MatMul of [batch …, rows …, k] and [batch …, k, columns], axes merged where they are more. */
export const dotGeneral: Rule<'dot_general'> = (e, node, [l, r]) => {
  const { lhsBatch, rhsBatch, lhsContract, rhsContract } = node.attrs
  const [lhs, rhs] = [l!, r!]
  const { dtype, shape } = node.results[0]!.type
  const lFree = freeAxes(lhs.type.shape.length, lhsBatch, lhsContract)
  const rFree = freeAxes(rhs.type.shape.length, rhsBatch, rhsContract)
  const of = (x: Edge, axes: readonly number[]): number[] => axes.map((i) => x.type.shape[i]!)
  const batch = of(lhs, lhsBatch)
  const inner = elementCount(of(lhs, lhsContract))
  if (inner === 0) return [e.full(0, dtype, shape)]
  const isTurned = lhsContract[0] === 0 || rhsContract[0] === 1
  if (isFloat(dtype) && isTurned && [lhs, rhs].every((x) => x.type.shape.length === 2) && lFree.length === 1) {
    const attributes = { ...(lhsContract[0] === 0 && { transA: 1 }), ...(rhsContract[0] === 1 && { transB: 1 }) }
    return [e.node('Gemm', [lhs, rhs], { dtype, shape }, attributes)]
  }
  const [rows, columns] = [of(lhs, lFree), of(rhs, rFree)]
  // Without a batch, all but the last axis of the left operand may be rows.
  const merged = batch.length > 0 || rows.length === 0
  const left = e.reshape(e.transpose(lhs, [...lhsBatch, ...lFree, ...lhsContract]), [
    ...batch,
    ...(merged ? [elementCount(rows)] : rows),
    inner,
  ])
  const right = e.reshape(e.transpose(rhs, [...rhsBatch, ...rhsContract, ...rFree]), [
    ...batch,
    inner,
    elementCount(columns),
  ])
  const product = matMul(e, left, right, [...left.type.shape.slice(0, -1), elementCount(columns)])
  return [e.reshape(e.cast(product, dtype), shape)]
}

/** Sums of bytes are i32. */
export function matMul(e: Emitter, left: Edge, right: Edge, shape: readonly number[]): Edge {
  const isByte = ({ type: { dtype } }: Edge): boolean => !isFloat(dtype) && byteSize(dtype) === 1
  if (isByte(left) && isByte(right)) return e.node('MatMulInteger', [left, right], { dtype: 'i32', shape })
  const sums = byteSize(left.type.dtype) < 4 ? 'i32' : left.type.dtype
  const as = computeType('MatMul', sums)
  return e.node('MatMul', [e.cast(left, as), e.cast(right, as)], { dtype: as, shape })
}
