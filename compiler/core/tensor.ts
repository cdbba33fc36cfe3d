import { SizeError } from './diagnostics/diagnostic.ts'
import {
  allocate,
  byteSize,
  isBigInt,
  isSmallFloat,
  type DType,
  type Scalar,
  type SmallFloat,
  type TypedArray,
} from './scalar/dtype.ts'
import { arg } from './scalar/expr.ts'
import { fromBfloat16, fromHalf, toBfloat16, toHalf } from './scalar/half.ts'
import { compileExpr } from './scalar/scalar.ts'
import { elementCount, rowMajorStrides, walk, type Shape } from './shape.ts'
import { narrowed, widened } from './scalar/small-float.ts'

export interface TensorType {
  readonly dtype: DType
  readonly shape: Shape
}

/** A dense tensor in row-major order. Floats of 16 bits and fewer hold their bits. */
export interface Tensor extends TensorType {
  readonly data: TypedArray
}

export function tensor(dtype: DType, shape: Shape, data: TypedArray): Tensor {
  if (data.length !== elementCount(shape)) {
    throw new SizeError(`${data.length} elements do not fill ${dtype}[${shape.join(',')}]`)
  }
  return { dtype, shape, data }
}

export const zeros = (dtype: DType, shape: Shape): Tensor => tensor(dtype, shape, allocate(dtype, elementCount(shape)))

const once = <K, V>(make: (key: K) => V): ((key: K) => V) => {
  const known = new Map<K, V>()
  return (key) => {
    const value = known.get(key) ?? make(key)
    known.set(key, value)
    return value
  }
}

const fromSmall = once((dtype: SmallFloat) => {
  const value = compileExpr(widened(arg(0, dtype)))
  return Float32Array.from({ length: 256 }, (_, bits) => Number(value([bits])))
})

const toSmall = once((dtype: SmallFloat) => compileExpr(narrowed(arg(0, 'f32'), dtype)))

/** Element `i` in row-major order, as the number or bigint it stands for. */
export function reader(t: Tensor): (i: number) => Scalar {
  const { data } = t
  if (t.dtype === 'f16') return (i) => fromHalf(data[i] as number)
  if (t.dtype === 'bf16') return (i) => fromBfloat16(data[i] as number)
  if (isSmallFloat(t.dtype)) {
    const values = fromSmall(t.dtype)
    return (i) => values[data[i] as number]!
  }
  return (i) => data[i] as Scalar
}

/** Stores values that are already in the dtype's range (floats are rounded to the format). */
export function writer(t: Tensor): (i: number, value: Scalar) => void {
  const data = t.data as { [i: number]: Scalar }
  if (t.dtype === 'f16') return (i, value) => void (data[i] = toHalf(Number(value)))
  if (t.dtype === 'bf16') return (i, value) => void (data[i] = toBfloat16(Number(value)))
  if (isSmallFloat(t.dtype)) {
    const bits = toSmall(t.dtype)
    return (i, value) => void (data[i] = bits([Math.fround(Number(value))]))
  }
  return (i, value) => void (data[i] = value)
}

const asBits = (t: Tensor): Tensor => (isSmallFloat(t.dtype) ? { ...t, dtype: 'u8' } : t)

/** The same as scalars of expressions, which for floats of 8 bits and fewer are their bits. */
export const scalarReader = (t: Tensor): ((i: number) => Scalar) => reader(asBits(t))
export const scalarWriter = (t: Tensor): ((i: number, value: Scalar) => void) => writer(asBits(t))

/** A tensor from JavaScript numbers, converted to the dtype's own scalars. */
export function tensorOf(dtype: DType, shape: Shape, values: Iterable<Scalar>): Tensor {
  const result = zeros(dtype, shape)
  const write = writer(result)
  let i = 0
  for (const value of values) write(i++, isBigInt(dtype) ? BigInt(value) : Number(value))
  if (i !== result.data.length) throw new SizeError(`${i} values do not fill ${dtype}[${shape.join(',')}]`)
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

/** The elements at the positions that stay along each axis; undefined where all do. */
export function pick(t: Tensor, kept: readonly (readonly number[] | undefined)[]): Tensor {
  if (kept.every((axis) => axis === undefined)) return t
  const result = zeros(
    t.dtype,
    t.shape.map((d, i) => kept[i]?.length ?? d),
  )
  const strides = rowMajorStrides(t.shape)
  let to = 0
  walk(result.shape, [], (_, index) => {
    let from = 0
    for (let i = 0; i < strides.length; i++) from += (kept[i]?.[index[i]!] ?? index[i]!) * strides[i]!
    result.data[to++] = t.data[from]!
  })
  return result
}
