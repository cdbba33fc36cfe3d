import type { DType } from '../../../core/scalar/dtype.ts'
import { constantOf } from '../../../core/evaluate.ts'
import type { Expr } from '../../../core/scalar/expr.ts'
import { dequantized, saturated } from '../../../core/scalar/quantization.ts'
import type { Value } from '../../../core/graph.ts'
import { elementCount } from '../../../core/shape.ts'
import { toNumbers } from '../../../core/tensor.ts'
import type { OpContext } from '../../context.ts'
import { alongAxis, normalizeAxis } from '../axes.ts'
import * as f from '../../../core/scalar/formula.ts'

/** `zero`, unless it is known to be 0 everywhere. */
export function nonzero(zero: Value | undefined): Value | undefined {
  const known = zero && constantOf(zero)
  return known && toNumbers(known).every((v) => v === 0) ? undefined : zero
}

/** A parameter of one element as a scalar, a vector lined up with `axis` of a tensor of this rank, others as they are. */
export function parameter(c: OpContext, v: Value, axis: number, rank: number): Value {
  if (elementCount(v.type.shape) === 1) return c.b.reshape(v, [])
  return v.type.shape.length === 1 ? alongAxis(c, v, axis, rank) : v
}

/** One quantized tensor of a QLinear operator. */
export interface Quantized {
  readonly value: Value
  readonly scale: Value
  readonly zero: Value | undefined
}

/** Inputs i, i + 1 and i + 2: a tensor, its scale and zero point, which are single elements. */
export function quantizedInput(c: OpContext, i: number): Quantized {
  const zero = nonzero(c.inputs[i + 2])
  return { value: c.input(i), scale: c.b.reshape(c.input(i + 1), []), zero: zero && c.b.reshape(zero, []) }
}

/** How a QLinear operator stores its result. */
export interface Target {
  readonly scale: Value
  readonly zero: Value | undefined
  readonly dtype: DType
}

/** Inputs i and i + 1: scale and zero point of the result, whose dtype is that of the zero point, or else `fallback`. */
export function quantizedOutput(c: OpContext, i: number, fallback: DType): Target {
  const zero = nonzero(c.inputs[i + 1])
  const dtype = c.inputs[i + 1]?.type.dtype ?? fallback
  return { scale: c.b.reshape(c.input(i), []), zero: zero && c.b.reshape(zero, []), dtype }
}

export const dequantize = (c: OpContext, { value, scale, zero }: Quantized): Value =>
  c.b.map(zero ? [value, scale, zero] : [value, scale], dequantized)

export const quantize = (c: OpContext, x: Value, { scale, zero, dtype }: Target): Value =>
  c.b.map(zero ? [x, scale, zero] : [x, scale], (e, s, z) => saturated(f.div(e, s), z, dtype))

/**
 * `formula` of input 0, its scale (input 1) and its zero point (input 2), which are for the whole tensor, for each index of
 * attribute `axis`, or for each block of `block_size` indices along it.
 */
export function linear(
  c: OpContext,
  x: Value,
  scale: Value,
  formula: (x: Expr, scale: Expr, zero: Expr | undefined) => Expr,
): Value {
  const { b } = c
  const { dtype, shape } = x.type
  const rank = shape.length
  const zero = nonzero(c.inputs[2])
  const apply = (v: Value, s: Value, z: Value | undefined): Value => b.map(z ? [v, s, z] : [v, s], formula)
  const block = c.int('block_size', 0)
  const single = elementCount(scale.type.shape) === 1
  if (block === 0 || single) {
    const axis = single ? 0 : normalizeAxis(c, c.int('axis', 1), rank)
    return apply(x, parameter(c, scale, axis, rank), zero && parameter(c, zero, axis, rank))
  }
  const axis = normalizeAxis(c, c.int('axis', 1), rank)
  const blocks = scale.type.shape[axis] ?? 0
  const length = blocks * block
  c.check(
    scale.type.shape.length === rank && block > 0 && length >= shape[axis]! && length - block < shape[axis]!,
    `scale [${scale.type.shape.join(',')}] does not go with [${shape.join(',')}] in blocks of ${block} along axis ${axis}`,
  )
  const at = (value: number): number[] => shape.map((_, i) => (i === axis ? value : 0))
  const split = (v: Value, size: number): Value =>
    b.reshape(v, [...shape.slice(0, axis), blocks, size, ...shape.slice(axis + 1)])
  const padded = b.pad(x, b.scalar(0, dtype), at(0), at(length - shape[axis]!))
  const result = apply(split(padded, block), split(scale, 1), zero && split(zero, 1))
  return b.slice(b.reshape(result, padded.type.shape), at(0), shape)
}
