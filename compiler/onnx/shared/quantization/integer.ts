import type { Builder } from '../../../core/builder.ts'
import { constantOf } from '../../../core/evaluate.ts'
import { convert } from '../../../core/scalar/expr.ts'
import type { Value } from '../../../core/graph.ts'
import { elementCount } from '../../../core/shape.ts'
import { tensorOf, toNumbers } from '../../../core/tensor.ts'
import type { OpContext } from '../../context.ts'
import { alongAxis, range } from '../axes.ts'
import { convolutionAttrs } from '../nn/convolution.ts'
import * as f from '../../../core/scalar/formula.ts'
import { matmul } from '../matmul.ts'
import { nonzero, parameter } from './quantization.ts'

/*
 * Products of integers with zero points: Σ (x - x₀)(w - w₀) = Σ x (w - w₀) - x₀ Σ (w - w₀). So the tensor that changes
 * keeps its 8 bits, and all the rest is constant where the weights are.
 */

/** w - zero in i8 where that is known to hold it, else in i16. */
function centered(b: Builder, w: Value, zero: Value | undefined): Value {
  if (!zero) return w
  const wide = b.map([w, zero], (e, z) => f.sub(convert(e, 'i16'), convert(z, 'i16')))
  const known = constantOf(wide)
  if (!known) return wide
  const values = toNumbers(known)
  const fits = values.every((v) => v >= -128 && v <= 127)
  return fits ? b.constant(tensorOf('i8', known.shape, values)) : wide
}

/** zero · Σ w over `axes`, which stay as axes of length 1; a small i32 tensor. */
function offset(b: Builder, zero: Value, w: Value, axes: readonly number[]): Value {
  const sums = b.reduce('add', b.convert(w, 'i32'), axes, true)
  return b.map([zero, sums], (z, s) => f.mul(convert(z, 'i32'), s))
}

/** An integer sum and what is still to be subtracted from it: kept apart, so that a bias can join it. */
export interface IntegerProduct {
  readonly sum: Value
  readonly offset: Value | undefined
}

/** sum - offset. */
export const difference = (b: Builder, p: IntegerProduct): Value =>
  p.offset ? b.binary('sub', p.sum, p.offset) : p.sum

/** Matrix product in i32. Zero points are single elements, vectors over rows of `x` or columns of `w`, or broadcast as they are. */
export function integerMatmul(
  c: OpContext,
  x: Value,
  xZero: Value | undefined,
  w: Value,
  wZero: Value | undefined,
): IntegerProduct {
  const { b } = c
  const rank = w.type.shape.length
  const columns = nonzero(wZero)
  const weights = centered(b, w, columns && parameter(c, columns, rank - 1, rank))
  const sum = matmul(b, x, weights)
  const zero = nonzero(xZero)
  if (!zero) return { sum, offset: undefined }
  // A vector has no column axis to keep.
  const inner = Math.max(0, rank - 2)
  const correction = offset(b, parameter(c, zero, x.type.shape.length - 2, x.type.shape.length), weights, [inner])
  return { sum, offset: rank === 1 ? b.reshape(correction, correction.type.shape.slice(0, -1)) : correction }
}

/** Convolution in i32; padding stands for 0, that is for the zero point of `x`. The kernel's may be one for each output channel. */
export function integerConvolution(
  c: OpContext,
  x: Value,
  xZero: Value | undefined,
  w: Value,
  wZero: Value | undefined,
): IntegerProduct {
  const { b } = c
  const attrs = convolutionAttrs(c, x, w)
  const rank = w.type.shape.length
  const channels = nonzero(wZero)
  const weights = centered(b, w, channels && parameter(c, channels, 0, rank))
  const zero = nonzero(xZero)
  if (!zero) return { sum: b.convolution(x, weights, attrs), offset: undefined }
  c.check(elementCount(zero.type.shape) === 1, `the zero point of the input has shape [${zero.type.shape.join(',')}]`)
  const value = b.reshape(zero, [])
  const pads = (side: 'low' | 'high'): number[] => [0, 0, ...attrs.window.map((axis) => axis[side])]
  const padded = b.pad(x, value, pads('low'), pads('high'))
  const window = attrs.window.map((axis) => ({ ...axis, low: 0, high: 0 }))
  const sum = b.convolution(padded, weights, { ...attrs, window })
  const correction = offset(b, value, weights, range(1, rank))
  return { sum, offset: alongAxis(c, b.reshape(correction, [w.type.shape[0]!]), 1, rank) }
}
