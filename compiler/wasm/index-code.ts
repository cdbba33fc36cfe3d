import { integerRange, type DType } from '../core/dtype.ts'
import { wasmTypeOf, type Code, type FunctionBuilder } from './machine.ts'

/** The index that stands `offset` bytes from where `pointer` points to, as i32. */
export function indexCode(
  f: FunctionBuilder,
  { pointer, dtype }: { readonly pointer: number; readonly dtype: DType },
  offset: number,
): Code {
  const from = offset < 0 ? f.m.i32.add(f.get(pointer), f.i32(offset)) : f.get(pointer)
  const value = f.loadScalar(dtype, from, Math.max(0, offset))
  return wasmTypeOf(dtype) === 'i64' ? f.m.i32.wrap(value) : value
}

/** `index`, an element of `dtype`, within [0, limit]. */
export function clampedIndex(f: FunctionBuilder, index: Code, dtype: DType, limit: number): Code {
  const { min, max } = integerRange(dtype)
  if (min >= 0n && max <= BigInt(limit)) return index
  const local = f.newLocal('i32')
  const low = f.m.select(f.m.i32.lt_s(f.get(local), f.i32(0)), f.i32(0), f.get(local))
  return f.m.block(
    null,
    [
      f.set(local, index),
      f.set(local, low),
      f.m.select(f.m.i32.gt_s(f.get(local), f.i32(limit)), f.i32(limit), f.get(local)),
    ],
    f.type('i32'),
  )
}
