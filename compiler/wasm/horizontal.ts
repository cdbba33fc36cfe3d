import type { DType } from '../core/scalar/dtype.ts'
import type { ReduceKind } from '../core/ops/reductions/reduce.ts'
import { wasmTypeOf, type Code, type FunctionBuilder } from './machine.ts'
import { binaryVector } from './vector.ts'

/** The lanes of local `acc` combined to a scalar. */
export function horizontal(f: FunctionBuilder, combine: ReduceKind, dtype: DType, acc: number): Code {
  const { m } = f
  const rotated = (bytes: number): Code =>
    m.i8x16.shuffle(
      f.get(acc),
      f.get(acc),
      Array.from({ length: 16 }, (_, i) => (i + bytes) % 16),
    )
  const half = f.set(acc, binaryVector(f, combine, dtype, f.get(acc), rotated(8)))
  const whole = binaryVector(f, combine, dtype, f.get(acc), rotated(4))
  const first = dtype === 'f32' ? m.f32x4.extract_lane(whole, 0) : m.i32x4.extract_lane(whole, 0)
  const scalar = dtype === 'bool' ? m.i32.and(first, f.i32(1)) : first
  return m.block(null, [half, scalar], f.type(wasmTypeOf(dtype)))
}
