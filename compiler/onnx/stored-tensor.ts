import { fail } from '../core/diagnostics/diagnostic.ts'
import {
  allocate,
  bitSize,
  fromBytes,
  isInteger,
  isSigned,
  type DType,
  type Scalar,
  type TypedArray,
} from '../core/scalar/dtype.ts'
import { elementCount, rowMajorStrides } from '../core/shape.ts'
import { tensor, zeros, type Tensor, type TensorType } from '../core/tensor.ts'
import { maxElements } from '../core/verify.ts'
import type { Integers, Message } from './protobuf.ts'
import { reasonOf } from '../core/diagnostics/errors.ts'

/** Numbers of the fields of a TensorProto. */
const fields = {
  dims: 1,
  dataType: 2,
  segment: 3,
  floatData: 4,
  int32Data: 5,
  stringData: 6,
  int64Data: 7,
  name: 8,
  rawData: 9,
  doubleData: 10,
  uint64Data: 11,
  externalData: 13,
  dataLocation: 14,
} as const

export const nameOf = (raw: Message): string => raw.string(fields.name)

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

/** ONNX ranks are small; evaluation takes time in proportion to them. */
const maxRank = 32

function shapeOf(dims: Integers, what: string): number[] {
  if (dims.length > maxRank) fail('A301', `${what} has rank ${dims.length}; the limit is ${maxRank}`)
  const shape = [...dims.numbers()]
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

function externalBytes(raw: Message, what: string, length: number, read: ReadExternal | undefined): Uint8Array {
  const entries = new Map(Array.from(raw.messages(fields.externalData), (entry) => [entry.string(1), entry.string(2)]))
  const location = entries.get('location') ?? ''
  if (!isInside(location)) fail('A103', `${what} is stored in "${location}", which is not a file in the model's folder`)
  if (!read) fail('A103', `${what} is stored in the file "${location}", and there is no way to read it`)
  let file: Uint8Array
  try {
    file = read(location)
  } catch (error) {
    fail('A103', `${what}: cannot read "${location}": ${reasonOf(error)}`)
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

/** The elements of `dtype` in the typed field that holds them when there is no raw data. */
function fromTyped(raw: Message, dtype: DType): TypedArray {
  switch (dtype) {
    case 'f32':
      return raw.floats(fields.floatData)
    case 'f64':
      return raw.doubles(fields.doubleData)
    case 'i64':
      return raw.integers(fields.int64Data).bigints()
    case 'u64':
      return new BigUint64Array(raw.integers(fields.uint64Data).bigints().buffer)
    case 'u32':
      return new Uint32Array(raw.integers(fields.uint64Data).int32s().buffer)
    default: {
      const given = raw.integers(fields.int32Data).int32s()
      const data = allocate(dtype, given.length) as Uint8Array
      data.set(given)
      return data
    }
  }
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
export function storedType(raw: Message, what: string): TensorType {
  if (raw.has(fields.segment))
    fail('A202', `${what} is no tensor: it is stored in segments, or is a sequence, map or optional`)
  const dtype = requireDType(raw.int32(fields.dataType), what)
  return { dtype, shape: shapeOf(raw.integers(fields.dims), what) }
}

/**
 * The tensor of a TensorProto. A102 where its data does not fill its shape, A103 where external data cannot be had, A202
 * for a dtype attar does not have, A301 for a shape beyond all bounds.
 */
export function readStored(raw: Message, what: string, readExternal: ReadExternal | undefined): Tensor {
  const { dtype, shape } = storedType(raw, what)
  const count = elementCount(shape)
  const bytes = Math.ceil((count * bitSize(dtype)) / 8)
  const packed = bitSize(dtype) < 8
  const external = raw.int32(fields.dataLocation) === 1
  const stored = external ? externalBytes(raw, what, bytes, readExternal) : raw.content(fields.rawData)
  const given = external || (stored && stored.length > 0) ? new Uint8Array(stored!) : undefined
  const field = given ? undefined : fromTyped(raw, packed ? 'u8' : dtype)
  if (given && given.length !== bytes)
    fail('A102', `${what}: ${given.length} bytes do not fill ${dtype}[${shape.join(',')}]`)
  if (field && field.length !== (packed ? bytes : count))
    fail('A102', `${what}: ${field.length} elements do not fill ${dtype}[${shape.join(',')}]`)
  if (packed) return tensor(dtype, shape, unpack(dtype, given ?? (field as Uint8Array), count))
  const data = given ? fromBytes(dtype, given, count) : field!
  if (dtype === 'bool') (data as Uint8Array).forEach((value, i) => (data[i] = value === 0 ? 0 : 1))
  return tensor(dtype, shape, data)
}

export interface StringTensor {
  readonly shape: readonly number[]
  /** Row-major. */
  readonly strings: readonly string[]
}

export const holdsStrings = (raw: Message): boolean => raw.int32(fields.dataType) === 8

/** A102 where the strings do not fill the shape. */
export function readStrings(raw: Message, what: string): StringTensor {
  const shape = shapeOf(raw.integers(fields.dims), what)
  const strings = raw.strings(fields.stringData)
  if (strings.length !== elementCount(shape))
    fail('A102', `${what}: ${strings.length} elements do not fill string[${shape.join(',')}]`)
  return { shape, strings }
}

/** The dense tensor of a SparseTensorProto, whose indices are flat positions or coordinates. */
export function readSparse(raw: Message, what: string, readExternal: ReadExternal | undefined): Tensor {
  const [storedValues, storedIndices] = [raw.message(1), raw.message(2)]
  if (!storedValues || !storedIndices) fail('A102', `${what} has no values or no indices`)
  const shape = shapeOf(raw.integers(3), what)
  const values = readStored(storedValues, what, readExternal)
  const indices = readStored(storedIndices, what, readExternal)
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
