import { createRequire } from 'node:module'
import { readFile } from './files.ts'
import { plainPng, pngHeader } from './formats/png.ts'
import { cannotDecode, hasNone, notAPicture, tooManyPixels } from './errors.ts'

/** Pixels row by row, `channels` bytes each: gray or red, green, blue. */
export interface Image {
  readonly width: number
  readonly height: number
  readonly channels: 1 | 3
  readonly data: Uint8Array
}

/** More pixels than this are not decoded. */
const maxPixels = 1 << 26

const pngMagic = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]

const starts = (bytes: Uint8Array, magic: readonly number[]): boolean => magic.every((byte, i) => bytes[i] === byte)

/**
 * The picture in a JPEG or PNG file. Transparency is left out, 16-bit samples are cut to 8. A502 where the bytes are no
 * such picture, A301 for one of more than 2^26 pixels; `what` names the file.
 */
export async function readImage(bytes: Uint8Array, what: string): Promise<Image> {
  const size = starts(bytes, pngMagic) ? pngHeader(bytes) : starts(bytes, [0xff, 0xd8]) ? jpegSize(bytes) : undefined
  if (!size) notAPicture(what)
  if (!(size.width > 0 && size.height > 0)) hasNone(what, 'pixels')
  if (size.width * size.height > maxPixels) tooManyPixels(what, size.width, size.height)
  try {
    return starts(bytes, pngMagic) ? await readPng(bytes) : await readJpeg(bytes)
  } catch (error) {
    return cannotDecode(what, error instanceof Error ? error.message : 'its data is corrupt')
  }
}

interface Size {
  readonly width: number
  readonly height: number
}

/** From the first frame header (ITU T.81, table B.2). */
function jpegSize(bytes: Uint8Array): Size | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let at = 2
  while (at + 9 <= bytes.length) {
    if (bytes[at] !== 0xff) return undefined
    const marker = bytes[at + 1]!
    // Fill bytes, and markers without a segment.
    if (marker === 0xff || marker === 0x01 || (marker >= 0xd0 && marker <= 0xd7)) {
      at += marker === 0xff ? 1 : 2
      continue
    }
    const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)
    if (isFrame) return { height: view.getUint16(at + 5), width: view.getUint16(at + 7) }
    at += 2 + view.getUint16(at + 2)
  }
  return undefined
}

let jpegDecoder: Promise<(bytes: ArrayBuffer) => Promise<{ width: number; height: number; data: Uint8ClampedArray }>>

/** The decoder looks for its module where browsers would fetch it, so it is handed over. */
async function loadJpegDecoder(): Promise<Awaited<typeof jpegDecoder>> {
  const { default: decode, init } = await import('@jsquash/jpeg/decode.js')
  const path = createRequire(import.meta.url).resolve('@jsquash/jpeg/codec/dec/mozjpeg_dec.wasm')
  const module = await WebAssembly.compile(readFile(path) as BufferSource)
  await init({
    // What it says of corrupt pictures; it throws, too.
    printErr: () => {},
    instantiateWasm: (imports: WebAssembly.Imports, done: (instance: WebAssembly.Instance) => void) => {
      const instance = new WebAssembly.Instance(module, imports)
      done(instance)
      return instance.exports
    },
  })
  return decode
}

async function readJpeg(bytes: Uint8Array): Promise<Image> {
  jpegDecoder ??= loadJpegDecoder()
  const decode = await jpegDecoder
  const { width, height, data } = await decode(new Uint8Array(bytes).buffer)
  return { width, height, ...colours(data, 4, width * height, (x) => x) }
}

/** The first channel or three channels of pixels of `from` channels. */
function colours(
  data: ArrayLike<number>,
  from: number,
  pixels: number,
  toByte: (x: number) => number,
): Pick<Image, 'channels' | 'data'> {
  const channels = from < 3 ? 1 : 3
  const result = new Uint8Array(pixels * channels)
  for (let i = 0; i < pixels; i++) {
    for (let c = 0; c < channels; c++) result[i * channels + c] = toByte(data[i * from + c]!)
  }
  return { channels, data: result }
}

/** A picture as a PNG file. */
export async function writePng(image: Image): Promise<Uint8Array> {
  const { encode } = await import('fast-png')
  return encode({ ...image, depth: 8 })
}

async function readPng(bytes: Uint8Array): Promise<Image> {
  const { convertIndexedToRgb, decode } = await import('fast-png')
  const png = decode(plainPng(bytes, pngHeader(bytes)!))
  const { width, height, depth, channels } = png
  const pixels = width * height
  if (png.palette) return { width, height, ...colours(convertIndexedToRgb(png), 3, pixels, (x) => x) }
  if (depth >= 8)
    return { width, height, ...colours(png.data, channels, pixels, depth === 16 ? (x) => x >> 8 : (x) => x) }
  // Gray samples of less than a byte are packed, each row from a byte of its own.
  const rowBytes = Math.ceil((width * depth) / 8)
  const largest = 2 ** depth - 1
  const sample = (i: number): number => {
    const bit = (i % width) * depth
    const byte = png.data[Math.floor(i / width) * rowBytes + (bit >> 3)]!
    return (((byte >> (8 - depth - (bit & 7))) & largest) * 255) / largest
  }
  return { width, height, channels: 1, data: Uint8Array.from({ length: pixels }, (_, i) => sample(i)) }
}
