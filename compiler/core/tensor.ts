import { allocate, byteSize, isBigInt, type DType, type Scalar, type TypedArray } from './dtype.ts'
import { fromBfloat16, fromHalf, toBfloat16, toHalf } from './half.ts'
import { elementCount, type Shape } from './shape.ts'

export interface TensorType {
  readonly dtype: DType
  readonly shape: Shape
}

/** A dense tensor in row-major order. f16 and bf16 hold their bits. */
export interface Tensor extends TensorType {
  readonly data: TypedArray
}

export function tensor(dtype: DType, shape: Shape, data: TypedArray): Tensor {
  if (data.length !== elementCount(shape)) {
    throw new RangeError(`${data.length} elements do not fill ${dtype}[${shape.join(',')}]`)
  }
  return { dtype, shape, data }
}

export const zeros = (dtype: DType, shape: Shape): Tensor => tensor(dtype, shape, allocate(dtype, elementCount(shape)))

/** Element `i` in row-major order, as the number or bigint it stands for. */
export function reader(t: Tensor): (i: number) => Scalar {
  const { data } = t
  if (t.dtype === 'f16') return (i) => fromHalf(data[i] as number)
  if (t.dtype === 'bf16') return (i) => fromBfloat16(data[i] as number)
  return (i) => data[i] as Scalar
}

/** Stores values that are already in the dtype's range (floats are rounded to the format). */
export function writer(t: Tensor): (i: number, value: Scalar) => void {
  const data = t.data as { [i: number]: Scalar }
  if (t.dtype === 'f16') return (i, value) => void (data[i] = toHalf(Number(value)))
  if (t.dtype === 'bf16') return (i, value) => void (data[i] = toBfloat16(Number(value)))
  return (i, value) => void (data[i] = value)
}

/** A tensor from JavaScript numbers, converted to the dtype's own scalars. */
export function tensorOf(dtype: DType, shape: Shape, values: Iterable<Scalar>): Tensor {
  const result = zeros(dtype, shape)
  const write = writer(result)
  let i = 0
  for (const value of values) write(i++, isBigInt(dtype) ? BigInt(value) : Number(value))
  if (i !== result.data.length) throw new RangeError(`${i} values do not fill ${dtype}[${shape.join(',')}]`)
  return result
}

export const scalarTensor = (dtype: DType, value: Scalar): Tensor => tensorOf(dtype, [], [value])

/** The elements as JavaScript numbers; 64-bit integers beyond 2^53 lose precision. */
export function toNumbers(t: Tensor): number[] {
  const read = reader(t)
  return Array.from({ length: t.data.length }, (_, i) => Number(read(i)))
}

/** The tensor's bytes, little-endian, as they stand in memory; shares the buffer. */
export const bytesOf = (t: Tensor): Uint8Array => new Uint8Array(t.data.buffer, t.data.byteOffset, t.data.byteLength)

export const typeBytes = (t: TensorType): number => elementCount(t.shape) * byteSize(t.dtype)

export const sameType = (a: TensorType, b: TensorType): boolean =>
  a.dtype === b.dtype && a.shape.length === b.shape.length && a.shape.every((d, i) => d === b.shape[i])

export const formatType = (t: TensorType): string => `${t.dtype}[${t.shape.join(',')}]`
