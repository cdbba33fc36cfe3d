import { byteSize, isFloat, type DType } from '../../core/scalar/dtype.ts'
import { parts, type Expr } from '../../core/scalar/expr.ts'

/**
 * Vector code holds four elements in 32-bit lanes: narrow integers and the bits of narrow floats are extended, bool is a mask
 * of all ones or zeros.
 */
export const lanes = 4

const laneType = (dtype: DType): boolean => byteSize(dtype) <= 4

function partIsVector(e: Expr): boolean {
  if (!laneType(e.dtype)) return false
  if (e.kind === 'binary') {
    if (e.op === 'shl' || e.op === 'shr' || e.op === 'rem') return false
    return e.op !== 'div' || e.dtype === 'f32'
  }
  // u32 has no conversion from f32 that agrees with the scalar one by way of i64.
  if (e.kind === 'convert') return !(e.dtype === 'u32' && isFloat(e.x.dtype))
  return true
}

/** Whether every part of the expression has vector code. */
export const isVectorizable = (e: Expr): boolean => parts(e).every(partIsVector)
