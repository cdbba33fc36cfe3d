import { fail } from '../core/diagnostic.ts'
import {
  allocate,
  bitSize,
  fromBytes,
  isBigInt,
  isInteger,
  isSigned,
  type DType,
  type Scalar,
  type TypedArray,
} from '../core/dtype.ts'
import { elementCount, rowMajorStrides } from '../core/shape.ts'
import { tensor, zeros, type Tensor, type TensorType } from '../core/tensor.ts'
import { maxElements } from '../core/verify.ts'

/** A 64-bit integer as protobufjs gives it: two halves, or a number where it has no Long. */
export type Wide = number | { readonly low: number; readonly high: number }

/** The parts of an ONNX TensorProto that count. */
export interface RawTensor {
  readonly name?: string | null
  readonly dims?: readonly Wide[] | null
  readonly dataType?: number | null
  readonly segment?: object | null
  readonly floatData?: readonly number[] | null
  readonly int32Data?: readonly number[] | null
  readonly int64Data?: readonly Wide[] | null
  readonly uint64Data?: readonly Wide[] | null
  readonly doubleData?: readonly number[] | null
  readonly stringData?: readonly Uint8Array[] | null
  readonly rawData?: Uint8Array | null
  readonly externalData?: readonly { readonly key?: string | null; readonly value?: string | null }[] | null
  readonly dataLocation?: number | null
}

export interface RawSparseTensor {
  readonly values?: RawTensor | null
  readonly indices?: RawTensor | null
  readonly dims?: readonly Wide[] | null
}

/** Bytes of a file beside the model; its name has been checked to stay in the model's folder. */
export type ReadExternal = (name: string) => Uint8Array

/** TensorProto.DataType by number. */
const dataTypes: readonly (DType | undefined)[] = [
  undefined,
  'f32',
  'u8',
  'i8',
  'u16',
  'i16',
  'i32',
  'i64',
  undefined,
  'bool',
  'f16',
  'f64',
  'u32',
  'u64',
  undefined,
  undefined,
  'bf16',
  'f8e4m3fn',
  'f8e4m3fnuz',
  'f8e5m2',
  'f8e5m2fnuz',
  'u4',
  'i4',
  'f4e2m1',
  'f8e8m0',
  'u2',
  'i2',
]

const otherTypes: Readonly<Record<number, string>> = {
  8: 'string',
  14: 'complex64',
  15: 'complex128',
}

export const dtypeOf = (dataType: number): DType | undefined => dataTypes[dataType]

/** The dtype's name for a diagnostic, whether attar knows it or not. */
export const dataTypeName = (dataType: number): string =>
  dataTypes[dataType] ?? otherTypes[dataType] ?? `data type ${dataType}`

export function requireDType(dataType: number, what: string): DType {
  return dtypeOf(dataType) ?? fail('A202', `${what} is of type ${dataTypeName(dataType)}, which attar does not have`)
}

export const toBigInt = (value: Wide): bigint =>
  typeof value === 'number'
    ? BigInt(Math.trunc(value))
    : BigInt.asIntN(64, (BigInt(value.high) << 32n) | BigInt(value.low >>> 0))

/** ONNX ranks are small; evaluation takes time in proportion to them. */
const maxRank = 32

function shapeOf(dims: readonly Wide[], what: string): number[] {
  if (dims.length > maxRank) fail('A301', `${what} has rank ${dims.length}; the limit is ${maxRank}`)
  const shape = dims.map((d) => Number(toBigInt(d)))
  if (shape.some((d) => d < 0)) fail('A102', `${what} has shape [${shape.join(',')}]`)
  if (elementCount(shape) > maxElements)
    fail('A301', `${what} has shape [${shape.join(',')}]; the limit is 2^31 elements`)
  return shape
}

/** Relative, with forward slashes, nothing that leads out of the folder or that some system reads as a device or URL. */
function isInside(name: string): boolean {
  const parts = name.split('/')
  return /^[^\\:\0]+$/.test(name) && parts.every((part) => part !== '' && part !== '..')
}

function externalBytes(raw: RawTensor, what: string, length: number, read: ReadExternal | undefined): Uint8Array {
  const entries = new Map((raw.externalData ?? []).map(({ key, value }) => [key ?? '', value ?? '']))
  const location = entries.get('location') ?? ''
  if (!isInside(location)) fail('A103', `${what} is stored in "${location}", which is not a file in the model's folder`)
  if (!read) fail('A103', `${what} is stored in the file "${location}", and there is no way to read it`)
  let file: Uint8Array
  try {
    file = read(location)
  } catch (error) {
    fail('A103', `${what}: cannot read "${location}": ${error instanceof Error ? error.message : String(error)}`)
  }
  const number = (key: string, fallback: number): number => {
    const text = entries.get(key)
    if (text === undefined) return fallback
    return /^\d+$/.test(text) ? Number(text) : fail('A103', `${what}: ${key} of the external data is "${text}"`)
  }
  const offset = number('offset', 0)
  const stored = number('length', length)
  if (stored !== length) fail('A103', `${what} takes ${length} bytes, its external data has ${stored}`)
  if (offset + length > file.length) {
    fail('A103', `${what} ends at byte ${offset + length} of "${location}", which has ${file.length}`)
  }
  return file.subarray(offset, offset + length)
}

/** The typed field that holds elements of `dtype` when there is no raw data. */
function typedField(raw: RawTensor, dtype: DType): readonly Wide[] {
  switch (dtype) {
    case 'f32':
      return raw.floatData ?? []
    case 'f64':
      return raw.doubleData ?? []
    case 'i64':
      return raw.int64Data ?? []
    case 'u32':
    case 'u64':
      return raw.uint64Data ?? []
    default:
      return raw.int32Data ?? []
  }
}

function fromTyped(dtype: DType, field: readonly Wide[]): TypedArray {
  const data = allocate(dtype, field.length)
  const target = data as { [i: number]: Scalar }
  field.forEach((value, i) => {
    if (isBigInt(dtype)) target[i] = toBigInt(value)
    else target[i] = typeof value === 'number' ? value : Number(BigInt.asUintN(32, toBigInt(value)))
  })
  return data
}

/** One byte for each of `count` elements that are stored several to a byte, the first in the lowest bits. */
function unpack(dtype: DType, packed: Uint8Array, count: number): TypedArray {
  const bits = bitSize(dtype)
  const data = allocate(dtype, count)
  const unused = 32 - bits
  for (let i = 0; i < count; i++) {
    const element = packed[(i * bits) >> 3]! >> ((i * bits) & 7)
    data[i] = isInteger(dtype) && isSigned(dtype) ? (element << unused) >> unused : element & (2 ** bits - 1)
  }
  return data
}

/** dtype and shape alone, so that a declaration can be checked before anything is allocated. */
export function storedType(raw: RawTensor, what: string): TensorType {
  if (raw.segment) fail('A202', `${what} is no tensor: it is stored in segments, or is a sequence, map or optional`)
  const dtype = requireDType(raw.dataType ?? 0, what)
  return { dtype, shape: shapeOf(raw.dims ?? [], what) }
}

/**
 * The tensor of a TensorProto. A102 where its data does not fill its shape, A103 where external data cannot be had, A202
 * for a dtype attar does not have, A301 for a shape beyond all bounds.
 */
export function readStored(raw: RawTensor, what: string, readExternal: ReadExternal | undefined): Tensor {
  const { dtype, shape } = storedType(raw, what)
  const count = elementCount(shape)
  const bytes = Math.ceil((count * bitSize(dtype)) / 8)
  const packed = bitSize(dtype) < 8
  const external = raw.dataLocation === 1
  const stored = external ? externalBytes(raw, what, bytes, readExternal) : (raw.rawData ?? new Uint8Array())
  const field = typedField(raw, dtype)
  if (external || stored.length > 0) {
    if (stored.length !== bytes)
      fail('A102', `${what}: ${stored.length} bytes do not fill ${dtype}[${shape.join(',')}]`)
  } else if (field.length !== (packed ? bytes : count)) {
    fail('A102', `${what}: ${field.length} elements do not fill ${dtype}[${shape.join(',')}]`)
  }
  const given = external || stored.length > 0 ? new Uint8Array(stored) : undefined
  if (packed) return tensor(dtype, shape, unpack(dtype, given ?? (fromTyped('u8', field) as Uint8Array), count))
  const data = given ? fromBytes(dtype, given, count) : fromTyped(dtype, field)
  if (dtype === 'bool') (data as Uint8Array).forEach((value, i) => (data[i] = value === 0 ? 0 : 1))
  return tensor(dtype, shape, data)
}

export interface StringTensor {
  readonly shape: readonly number[]
  /** Row-major. */
  readonly strings: readonly string[]
}

export const holdsStrings = (raw: RawTensor): boolean => raw.dataType === 8

/** A102 where the strings do not fill the shape. */
export function readStrings(raw: RawTensor, what: string): StringTensor {
  const shape = shapeOf(raw.dims ?? [], what)
  const decoder = new TextDecoder()
  const strings = (raw.stringData ?? []).map((bytes) => decoder.decode(bytes))
  if (strings.length !== elementCount(shape))
    fail('A102', `${what}: ${strings.length} elements do not fill string[${shape.join(',')}]`)
  return { shape, strings }
}

/** The dense tensor of a SparseTensorProto, whose indices are flat positions or coordinates. */
export function readSparse(raw: RawSparseTensor, what: string, readExternal: ReadExternal | undefined): Tensor {
  if (!raw.values || !raw.indices) fail('A102', `${what} has no values or no indices`)
  const shape = shapeOf(raw.dims ?? [], what)
  const values = readStored(raw.values, what, readExternal)
  const indices = readStored(raw.indices, what, readExternal)
  const count = elementCount(shape)
  if (count > sparseLimit)
    fail('A301', `${what} has ${count} elements; the limit for a sparse tensor is ${sparseLimit}`)
  const strides = indices.shape.length === 2 ? rowMajorStrides(shape) : [1]
  if (indices.dtype !== 'i64' || indices.data.length !== values.data.length * strides.length) {
    fail('A102', `${what}: ${indices.data.length} ${indices.dtype} indices for ${values.data.length} values`)
  }
  const result = zeros(values.dtype, shape)
  const target = result.data as { [i: number]: Scalar }
  values.data.forEach((value, i) => {
    const at = strides.reduce((sum, s, k) => sum + s * Number(indices.data[i * strides.length + k]!), 0)
    if (at < 0 || at >= count) fail('A102', `${what}: index ${at} is outside of [${shape.join(',')}]`)
    target[at] = value
  })
  return result
}

const sparseLimit = 2 ** 26
