/** Conversions. ONNX's Cast says nothing of NaN and of floats beyond an integer's range; core's rule is at `Expr`. */
import {
  bitSize,
  byteSize,
  integerRange,
  isFloat,
  isInteger,
  isStorageOnly,
  type DType,
} from '../../../core/scalar/dtype.ts'
import type { Expr } from '../../../core/scalar/expr.ts'
import { numberOf } from '../data-types.ts'
import { largestExactBelow } from './float-limits.ts'
import type { Emitter } from '../emitter.ts'
import type { Edge } from '../graph.ts'
import { boundsOf } from './bounds.ts'

/** `x`, which `e` computes as `expr`, in another type. */
export function emitConvert(e: Emitter, x: Edge, expr: Expr, dtype: DType): Edge {
  const from = x.type.dtype
  if (!isFloat(from) || isFloat(dtype) || dtype === 'bool') return e.cast(x, dtype)
  if (isStorageOnly(from)) return emitConvert(e, e.cast(x, 'f32'), expr, dtype)
  const bounds = boundsOf(expr)
  const number = bounds.nan ? e.where(e.elementwise('IsNaN', [x], 'bool'), e.scalar(0, from), x) : x
  const fits = (to: DType): boolean => {
    const { min, max } = integerRange(to)
    return bounds.low >= Number(min) && bounds.high <= largestExactBelow(max)
  }
  if (fits(dtype)) return e.cast(number, dtype)
  // Narrow types wrap what has been brought into 32 bits.
  const wide = byteSize(dtype) === 8 ? dtype : dtype === 'u32' ? 'i64' : 'i32'
  return wrapped(e, fits(wide) ? e.cast(number, wide) : saturated(e, number, wide), dtype)
}

/**
 * `x` modulo the range of a narrower type. Not by Cast alone, which would do that: onnxruntime makes one of two that follow each
 * other, and then it is one of floats.
 */
function wrapped(e: Emitter, x: Edge, dtype: DType): Edge {
  if (x.type.dtype === dtype) return x
  const { min, max } = integerRange(dtype)
  const constant = (value: bigint): Edge => e.scalar(value, x.type.dtype)
  const low = e.elementwise('BitwiseAnd', [x, constant(max - min)])
  if (min === 0n) return e.cast(low, dtype)
  // The sign's bit turned, and taken away where that set it: no sum overflows.
  const turned = e.elementwise('BitwiseXor', [low, constant(-min)])
  return e.cast(e.elementwise('Add', [turned, constant(min)]), dtype)
}

/** What is beyond the range of an integer becomes its ends. */
function saturated(e: Emitter, x: Edge, dtype: DType): Edge {
  const { min, max } = integerRange(dtype)
  const double = e.cast(x, 'f64')
  const high = largestExactBelow(max)
  const limits = [e.scalar(Number(min), 'f64'), e.scalar(high, 'f64')] as const
  const inside = e.elementwise('Min', [e.elementwise('Max', [double, limits[0]]), limits[1]])
  const whole = e.cast(inside, dtype)
  if (BigInt(high) === max) return whole
  const beyond = e.elementwise('Greater', [double, limits[1]], 'bool')
  return e.where(beyond, e.scalar(max, dtype), whole)
}

/** The same bits as another type. */
export function emitBitcast(e: Emitter, x: Edge, dtype: DType): Edge {
  const from = x.type.dtype
  // Two's complement, of whole bytes.
  const plain = isInteger(from) && isInteger(dtype) && bitSize(from) === 8 * byteSize(from)
  return plain ? e.cast(x, dtype) : e.node('BitCast', [x], { dtype, shape: x.type.shape }, { to: numberOf(dtype) })
}
