import { integerRange, type DType } from '../core/scalar/dtype.ts'
import { wasmTypeOf, type Code, type FunctionBuilder } from './machine.ts'
import { binaryCode, constantCode } from './scalar.ts'

/** The index that stands `offset` bytes from where `pointer` points to, in the type of `dtype`. */
export function indexCode(
  f: FunctionBuilder,
  { pointer, dtype }: { readonly pointer: number; readonly dtype: DType },
  offset: number,
): Code {
  const from = offset < 0 ? f.m.i32.add(f.get(pointer), f.i32(offset)) : f.get(pointer)
  return f.loadScalar(dtype, from, Math.max(0, offset))
}

/** An index that is known to fit 32 bits. */
const narrow = (f: FunctionBuilder, dtype: DType, index: Code): Code =>
  wasmTypeOf(dtype) === 'i64' ? f.m.i32.wrap(index) : index

/** `index`, an element of `dtype`, within [0, limit], as i32. It is compared in all its bits. */
export function clampedIndex(f: FunctionBuilder, index: Code, dtype: DType, limit: number): Code {
  const { min, max } = integerRange(dtype)
  if (min >= 0n && max <= BigInt(limit)) return narrow(f, dtype, index)
  const local = f.newLocal(wasmTypeOf(dtype))
  const bound = (value: number): Code =>
    constantCode(f, dtype === 'i64' || dtype === 'u64' ? BigInt(value) : value, dtype)
  const past = (op: 'lt' | 'gt', value: number): Code =>
    f.m.select(binaryCode(f, op, dtype, f.get(local), bound(value)), bound(value), f.get(local))
  const statements = [f.set(local, index), ...(min < 0n ? [f.set(local, past('lt', 0))] : [])]
  return f.m.block(null, [...statements, narrow(f, dtype, past('gt', limit))], f.type('i32'))
}

/** Whether `local`, an index of `dtype`, is within [0, limit], and what it is as i32 then. */
export function checkedIndex(
  f: FunctionBuilder,
  local: number,
  dtype: DType,
  limit: number,
): { readonly inside: Code; readonly place: Code } {
  const inside =
    wasmTypeOf(dtype) === 'i64'
      ? f.m.i64.le_u(f.get(local), constantCode(f, BigInt(limit), 'i64'))
      : f.m.i32.le_u(f.get(local), f.i32(limit))
  return { inside, place: narrow(f, dtype, f.get(local)) }
}
