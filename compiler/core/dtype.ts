/** Element types. bool is one byte, 0 or 1. f16 and bf16 are storage types: arithmetic on them happens in f32. */
export type DType =
  'bool' | 'i8' | 'i16' | 'i32' | 'i64' | 'u8' | 'u16' | 'u32' | 'u64' | 'f16' | 'bf16' | 'f32' | 'f64'

/** A scalar of any dtype: bigint for i64 and u64, number for the others (bool is 0 or 1). */
export type Scalar = number | bigint

export type TypedArray =
  | Uint8Array
  | Int8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array
  | Float32Array
  | Float64Array

interface DTypeInfo {
  readonly bytes: 1 | 2 | 4 | 8
  readonly kind: 'bool' | 'int' | 'uint' | 'float'
  readonly storage: TypedArrayConstructor
}

interface TypedArrayConstructor {
  new (length: number): TypedArray
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): TypedArray
}

const table: Record<DType, DTypeInfo> = {
  bool: { bytes: 1, kind: 'bool', storage: Uint8Array },
  i8: { bytes: 1, kind: 'int', storage: Int8Array },
  i16: { bytes: 2, kind: 'int', storage: Int16Array },
  i32: { bytes: 4, kind: 'int', storage: Int32Array },
  i64: { bytes: 8, kind: 'int', storage: BigInt64Array },
  u8: { bytes: 1, kind: 'uint', storage: Uint8Array },
  u16: { bytes: 2, kind: 'uint', storage: Uint16Array },
  u32: { bytes: 4, kind: 'uint', storage: Uint32Array },
  u64: { bytes: 8, kind: 'uint', storage: BigUint64Array },
  f16: { bytes: 2, kind: 'float', storage: Uint16Array },
  bf16: { bytes: 2, kind: 'float', storage: Uint16Array },
  f32: { bytes: 4, kind: 'float', storage: Float32Array },
  f64: { bytes: 8, kind: 'float', storage: Float64Array },
}

export const dtypes = Object.keys(table) as DType[]

export const byteSize = (dtype: DType): 1 | 2 | 4 | 8 => table[dtype].bytes
export const isFloat = (dtype: DType): boolean => table[dtype].kind === 'float'
export const isSigned = (dtype: DType): boolean => table[dtype].kind === 'int' || isFloat(dtype)
export const isInteger = (dtype: DType): boolean => table[dtype].kind === 'int' || table[dtype].kind === 'uint'
export const isBigInt = (dtype: DType): boolean => dtype === 'i64' || dtype === 'u64'
/** Storage-only types: no map but `convert` computes on them. */
export const isStorageOnly = (dtype: DType): boolean => dtype === 'f16' || dtype === 'bf16'

/** A zeroed array for `length` elements. */
export const allocate = (dtype: DType, length: number): TypedArray => new table[dtype].storage(length)

/** `length` elements of `dtype` read from little-endian bytes; copies, so that any alignment will do. */
export function fromBytes(dtype: DType, bytes: Uint8Array, length: number): TypedArray {
  // Not bytes.slice: a Buffer's slice shares its memory.
  return new table[dtype].storage(new Uint8Array(bytes.subarray(0, length * byteSize(dtype))).buffer, 0, length)
}

/** The range of an integer dtype, as bigints so that 64-bit bounds are exact. */
export function integerRange(dtype: DType): { min: bigint; max: bigint } {
  const bits = BigInt(dtype === 'bool' ? 1 : byteSize(dtype) * 8)
  return table[dtype].kind === 'int'
    ? { min: -(1n << (bits - 1n)), max: (1n << (bits - 1n)) - 1n }
    : { min: 0n, max: (1n << bits) - 1n }
}
