import { allocate, byteSize, fromBytes, isFloat, isSigned, type DType, type Scalar } from '../../core/scalar/dtype.ts'
import { elementCount, rowMajorStrides, walk } from '../../core/shape.ts'
import { bytesOf, tensor, tensorOf, toNumbers, type Tensor } from '../../core/tensor.ts'
import { maxElements } from '../../core/verify.ts'
import { notOfFormat } from '../errors.ts'

/** NumPy's array-protocol type strings, for the types that it has. */
const descriptions: Readonly<Partial<Record<DType, string>>> = {
  bool: '|b1',
  i8: '|i1',
  i16: '<i2',
  i32: '<i4',
  i64: '<i8',
  u8: '|u1',
  u16: '<u2',
  u32: '<u4',
  u64: '<u8',
  f16: '<f2',
  f32: '<f4',
  f64: '<f8',
}

const magic = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59]
const headerLimit = 2 ** 16
const rankLimit = 32

/** What a `.npy` file says of its elements, and these. */
export interface Npy {
  /** NumPy's array-protocol type string. */
  readonly descr: string
  readonly fortran: boolean
  readonly shape: readonly number[]
  readonly body: Uint8Array
}

/** A `.npy` file, versions 1 to 3 (numpy.lib.format); `bad` says what is wrong with it. */
export function openNpy(bytes: Uint8Array, bad: (message: string) => never): Npy {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (bytes.length < 12 || !magic.every((byte, i) => bytes[i] === byte))
    bad('it does not start with NumPy’s magic number')
  const version = bytes[6]!
  if (version < 1 || version > 3) bad(`version ${version}`)
  const start = version === 1 ? 10 : 12
  const length = version === 1 ? view.getUint16(8, true) : view.getUint32(8, true)
  if (length > headerLimit || start + length > bytes.length) bad(`its header has ${length} bytes`)
  const header = new TextDecoder().decode(bytes.subarray(start, start + length))
  return { ...readHeader(header, bad), body: bytes.subarray(start + length) }
}

/**
 * The tensor in a `.npy` file, C or Fortran order. A502 where the bytes are none, end
 * early, or hold elements that attar does not have; `what` names the file.
 */
export function readNpy(bytes: Uint8Array, what = 'the file'): Tensor {
  const bad: (message: string) => never = (message) => notOfFormat(what, 'a .npy file that attar can read', message)
  const { descr, fortran, shape, body } = openNpy(bytes, bad)
  const plain = (s: string): string => s.replace(/^[|<=]/, '').replace('?', 'b1')
  const dtype = Object.entries(descriptions).find(([, d]) => plain(d) === plain(descr))?.[0] as DType | undefined
  if (!dtype) bad(`its elements are of type '${descr}'`)
  const count = elementCount(shape)
  // Written so that an infinite count fails too.
  if (!(count <= maxElements)) bad(`its shape is [${shape.join(',')}]; the limit is 2^31 elements`)
  if (body.length !== count * byteSize(dtype)) {
    bad(`${body.length} bytes do not fill ${dtype}[${shape.join(',')}]`)
  }
  const data = fromBytes(dtype, body, count)
  if (dtype === 'bool') for (let i = 0; i < count; i++) data[i] = data[i] === 0 ? 0 : 1
  return fortran ? fromFortran(tensor(dtype, shape, data)) : tensor(dtype, shape, data)
}

/** The header is a Python dict with exactly these keys, in any order. */
function readHeader(text: string, bad: (message: string) => never): Omit<Npy, 'body'> {
  const descr = /'descr':\s*'([^']*)'/.exec(text)?.[1]
  const order = /'fortran_order':\s*(True|False)/.exec(text)?.[1]
  const dims = /'shape':\s*\(([\d\s,]*)\)/.exec(text)?.[1]
  if (order === undefined || dims === undefined) bad('its header has no order or no shape')
  if (descr === undefined) bad('its elements are records')
  const shape = (dims.match(/\d+/g) ?? []).map(Number)
  if (shape.length > rankLimit) bad(`its rank is ${shape.length}`)
  return { descr, fortran: order === 'True', shape }
}

/** Rearranges elements that are stored first dimension fastest. */
function fromFortran({ dtype, shape, data }: Tensor): Tensor {
  const result = allocate(dtype, data.length)
  const target = result as { [i: number]: Scalar }
  const strides = rowMajorStrides(shape.toReversed()).toReversed()
  let i = 0
  walk(shape, [strides], ([at]) => void (target[i++] = data[at!]!))
  return tensor(dtype, shape, result)
}

const substitute = (dtype: DType): DType => (isFloat(dtype) ? 'f32' : isSigned(dtype) ? 'i8' : 'u8')

/** The bytes of a `.npy` file. Types that NumPy does not have are written as f32, i8 or u8. */
export function writeNpy(t: Tensor): Uint8Array {
  const description = descriptions[t.dtype]
  if (description === undefined) return writeNpy(tensorOf(substitute(t.dtype), t.shape, toNumbers(t)))
  return npyBytes(description, t.shape, bytesOf(t))
}

/** The bytes of a `.npy` file, version 1.0, of elements of NumPy's type `descr`. */
export function npyBytes(descr: string, dims: readonly number[], data: Uint8Array): Uint8Array {
  const shape = dims.map((d) => `${d},`).join(' ')
  const dict = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${shape}), }`
  // Data start at a multiple of 64, so that they can be mapped; the header ends in a newline.
  const start = Math.ceil((10 + dict.length + 1) / 64) * 64
  const bytes = new Uint8Array(start + data.length)
  bytes.set([...magic, 1, 0, (start - 10) & 255, (start - 10) >> 8])
  bytes.set(new TextEncoder().encode(`${dict.padEnd(start - 11)}\n`), 10)
  bytes.set(data, start)
  return bytes
}
