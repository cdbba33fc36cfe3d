import { elementCount } from '../core/shape.ts'
import type { Image } from './image.ts'
import { canHold, unpack } from './formats/unpack.ts'
import { cannotUnpack, malformed, notOfFormat, notPictures, unpacksToMore } from './errors.ts'
import { reasonOf } from '../core/diagnostics/errors.ts'

/** An array of bytes in the format of the MNIST database: two zeros, type, rank, dimensions (big-endian), data. */
export interface Idx {
  readonly shape: readonly number[]
  readonly data: Uint8Array
}

/** Names such as `train-images-idx3-ubyte.gz`. */
export const isIdx = (path: string): boolean => /idx[123][-.]ubyte(\.gz)?$/.test(path)

const maxBytes = 2 ** 31

/** A502 where the bytes are no IDX file of bytes, packed by gzip or not. */
export function readIdx(packed: Uint8Array, what: string): Idx {
  const bytes = packed[0] === 0x1f && packed[1] === 0x8b ? unpackGzip(packed, what) : packed
  const rank = bytes[3] ?? 0
  const start = 4 + 4 * rank
  if (bytes[0] !== 0 || bytes[1] !== 0 || bytes[2] !== 8 || rank === 0 || rank > 4 || bytes.length < start)
    notOfFormat(what, 'an IDX file of bytes')
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const shape = Array.from({ length: rank }, (_, i) => view.getUint32(4 + 4 * i))
  const data = bytes.subarray(start)
  if (data.length !== elementCount(shape)) malformed(what, `${data.length} bytes do not fill [${shape.join(',')}]`)
  return { shape, data }
}

/** A header and a trailer, whose last four bytes say how much was packed. */
const smallestGzip = 18

function unpackGzip(packed: Uint8Array, what: string): Uint8Array {
  if (packed.length < smallestGzip) cannotUnpack(what, 'it ends early')
  const size = new DataView(packed.buffer, packed.byteOffset, packed.byteLength).getUint32(packed.length - 4, true)
  if (!canHold(packed.length, size)) cannotUnpack(what, 'it is too short for what it says it holds')
  if (size > maxBytes) unpacksToMore(what, maxBytes)
  try {
    return unpack('gzip', [packed], size)
  } catch (error) {
    return cannotUnpack(what, reasonOf(error))
  }
}

/** Gray pictures [n, height, width], or coloured ones [n, height, width, 3]. */
export function imagesOf({ shape, data }: Idx, what: string): { count: number; at: (i: number) => Image } {
  const [count, height, width, channels = 1] = shape
  if (shape.length < 3 || (channels !== 1 && channels !== 3) || !height || !width) notPictures(what, shape)
  const size = height * width * channels
  return {
    count: count!,
    at: (i) => ({ width, height, channels, data: data.subarray(i * size, (i + 1) * size) }),
  }
}
