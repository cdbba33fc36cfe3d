import { zlibSync } from 'fflate'
import { unpack } from './unpack.ts'

/** Size of the file's signature; a chunk is a length, a type of four letters, the content and a checksum. */
const signature = 8
const around = 12

interface Header {
  readonly width: number
  readonly height: number
  /** Bits of a pixel. */
  readonly bits: number
  readonly interlaced: boolean
}

const channels: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 }

/** From the header chunk, which comes first; undefined where it does not. */
export function pngHeader(bytes: Uint8Array): Header | undefined {
  if (bytes.length < signature + around + 13) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  if (view.getUint32(signature) !== 13 || typeOf(bytes, signature) !== 'IHDR') return undefined
  return {
    width: view.getUint32(16),
    height: view.getUint32(20),
    bits: bytes[24]! * (channels[bytes[25]!] ?? 4),
    interlaced: bytes[28] === 1,
  }
}

const typeOf = (bytes: Uint8Array, at: number): string => String.fromCharCode(...bytes.subarray(at + 4, at + 8))

/** 256 colours of three bytes. */
const largestPalette = 768

/** Where the passes of Adam7 start and how far apart their pixels are: x, y, columns, rows. */
const adam7 = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
] as const

/** Bytes of all rows, each with the byte that names its filter. */
function unpackedSize({ width, height, bits, interlaced }: Header): number {
  const passes = interlaced ? adam7 : ([[0, 0, 1, 1]] as const)
  return passes.reduce((sum, [x, y, columns, rows]) => {
    const across = Math.ceil((width - x) / columns)
    const down = Math.ceil((height - y) / rows)
    return across > 0 && down > 0 ? sum + down * (1 + Math.ceil((across * bits) / 8)) : sum
  }, 0)
}

/**
 * The same picture with its rows unpacked, within what the header says, and stored, and with nothing else that would be
 * unpacked: colour profiles and texts, whose size only their data tell, are left out, and so is transparency. Throws an Error
 * that says what is wrong with the file.
 */
export function plainPng(bytes: Uint8Array, header: Header): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const kept = [bytes.subarray(0, signature + around + 13)]
  const packed: Uint8Array[] = []
  let at = signature + around + 13
  for (let type = ''; type !== 'IEND';) {
    if (at + around > bytes.length) throw new Error('it ends early')
    const length = view.getUint32(at)
    type = typeOf(bytes, at)
    const end = at + around + length
    if (end > bytes.length) throw new Error('it ends early')
    if (type === 'PLTE') {
      if (length > largestPalette || kept.length > 1) throw new Error('it has more than one palette of 256 colours')
      kept.push(bytes.subarray(at, end))
    }
    if (type === 'IDAT') packed.push(bytes.subarray(at + 8, end - 4))
    at = end
  }
  const rows = zlibSync(unpack('zlib', packed, unpackedSize(header)), { level: 0 })
  // Checksums are left empty: the decoder does not look at them.
  const chunk = (type: string, content: Uint8Array): Uint8Array => {
    const result = new Uint8Array(around + content.length)
    new DataView(result.buffer).setUint32(0, content.length)
    result.set(new TextEncoder().encode(type), 4)
    result.set(content, 8)
    return result
  }
  const parts = [...kept, chunk('IDAT', rows), chunk('IEND', new Uint8Array(0))]
  const result = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let to = 0
  for (const part of parts) {
    result.set(part, to)
    to += part.length
  }
  return result
}
