/** Floats of 8 and 4 bits, by the widths of exponent and mantissa (Open Compute Project; ONNX float8…, float4e2m1). */
export type SmallFloat = 'f8e4m3fn' | 'f8e4m3fnuz' | 'f8e5m2' | 'f8e5m2fnuz' | 'f8e8m0' | 'f4e2m1'

/**
 * Element types. bool is one byte, 0 or 1. The floats of 16 bits and fewer and the integers of 4 and 2 bits are storage
 * types: arithmetic on them happens in f32. An element takes a byte at least.
 */
export type DType =
  | ('bool' | 'i8' | 'i16' | 'i32' | 'i64' | 'u8' | 'u16' | 'u32' | 'u64' | 'f32' | 'f64')
  | ('f16' | 'bf16' | SmallFloat | 'i4' | 'u4' | 'i2' | 'u2')

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
  /** Where they are fewer than the bytes have. */
  readonly bits?: 2 | 4
  readonly kind: 'bool' | 'int' | 'uint' | 'float'
  readonly storage: TypedArrayConstructor
  /** No map but `convert` and `bitcast` computes on them. */
  readonly storageOnly?: true
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
  f16: { bytes: 2, kind: 'float', storage: Uint16Array, storageOnly: true },
  bf16: { bytes: 2, kind: 'float', storage: Uint16Array, storageOnly: true },
  f32: { bytes: 4, kind: 'float', storage: Float32Array },
  f64: { bytes: 8, kind: 'float', storage: Float64Array },
  f8e4m3fn: { bytes: 1, kind: 'float', storage: Uint8Array, storageOnly: true },
  f8e4m3fnuz: { bytes: 1, kind: 'float', storage: Uint8Array, storageOnly: true },
  f8e5m2: { bytes: 1, kind: 'float', storage: Uint8Array, storageOnly: true },
  f8e5m2fnuz: { bytes: 1, kind: 'float', storage: Uint8Array, storageOnly: true },
  f8e8m0: { bytes: 1, kind: 'float', storage: Uint8Array, storageOnly: true },
  f4e2m1: { bytes: 1, bits: 4, kind: 'float', storage: Uint8Array, storageOnly: true },
  i4: { bytes: 1, bits: 4, kind: 'int', storage: Int8Array, storageOnly: true },
  u4: { bytes: 1, bits: 4, kind: 'uint', storage: Uint8Array, storageOnly: true },
  i2: { bytes: 1, bits: 2, kind: 'int', storage: Int8Array, storageOnly: true },
  u2: { bytes: 1, bits: 2, kind: 'uint', storage: Uint8Array, storageOnly: true },
}

export const dtypes = Object.keys(table) as DType[]

export const byteSize = (dtype: DType): 1 | 2 | 4 | 8 => table[dtype].bytes
/** Bits that count; bool has 8. */
export const bitSize = (dtype: DType): number => table[dtype].bits ?? table[dtype].bytes * 8
export const isFloat = (dtype: DType): boolean => table[dtype].kind === 'float'
export const isSigned = (dtype: DType): boolean => table[dtype].kind === 'int' || isFloat(dtype)
export const isInteger = (dtype: DType): boolean => table[dtype].kind === 'int' || table[dtype].kind === 'uint'
export const isBigInt = (dtype: DType): boolean => dtype === 'i64' || dtype === 'u64'
/** Whether no map but `convert` and `bitcast` computes on the type. */
export const isStorageOnly = (dtype: DType): boolean => table[dtype].storageOnly === true
export const isSmallFloat = (dtype: DType): dtype is SmallFloat => isFloat(dtype) && byteSize(dtype) === 1

/** A zeroed array for `length` elements. */
export const allocate = (dtype: DType, length: number): TypedArray => new table[dtype].storage(length)

/** `length` elements of `dtype` in a buffer, from byte `offset`. */
export const viewOf = (dtype: DType, buffer: ArrayBufferLike, offset: number, length: number): TypedArray =>
  new table[dtype].storage(buffer, offset, length)

/** `length` elements of `dtype` read from little-endian bytes; copies, so that any alignment will do. */
export function fromBytes(dtype: DType, bytes: Uint8Array, length: number): TypedArray {
  // Not bytes.slice: a Buffer's slice shares its memory.
  return new table[dtype].storage(new Uint8Array(bytes.subarray(0, length * byteSize(dtype))).buffer, 0, length)
}

/** The range of an integer dtype, as bigints so that 64-bit bounds are exact. */
export function integerRange(dtype: DType): { min: bigint; max: bigint } {
  const bits = BigInt(dtype === 'bool' ? 1 : bitSize(dtype))
  return table[dtype].kind === 'int'
    ? { min: -(1n << (bits - 1n)), max: (1n << (bits - 1n)) - 1n }
    : { min: 0n, max: (1n << bits) - 1n }
}
