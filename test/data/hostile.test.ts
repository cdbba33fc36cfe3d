import { encode } from 'fast-png'
import { gzipSync, zipSync, zlibSync } from 'fflate'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readDataset, readNpz, writeNpy } from '../../compiler/data/index.ts'
import { readImage } from '../../compiler/data/image.ts'
import { readIdx } from '../../compiler/data/idx.ts'
import { unpack } from '../../compiler/data/formats/unpack.ts'
import { tensorOf } from '../../compiler/core/tensor.ts'

/** Deflate makes a thousandth of this. */
const much = 1 << 26
const zeros = new Uint8Array(much)

const text = new TextEncoder()
function chunk(type: string, content: Uint8Array): number[] {
  const length = new Uint8Array(4)
  new DataView(length.buffer).setUint32(0, content.length)
  return [...length, ...text.encode(type), ...content, 0, 0, 0, 0]
}

function png(chunks: readonly number[][], interlaced = false): Uint8Array {
  const header = Uint8Array.of(0, 0, 0, 3, 0, 0, 0, 2, 8, 0, 0, 0, interlaced ? 1 : 0)
  const signature = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]
  return Uint8Array.from([...signature, ...chunk('IHDR', header), ...chunks.flat(), ...chunk('IEND', new Uint8Array())])
}

/** Two rows of three pixels, each behind a byte for its filter. */
const rows = Uint8Array.of(0, 1, 2, 3, 0, 4, 5, 6)
const pixels = [1, 2, 3, 4, 5, 6]

/** Packed zeros, damaged from the middle on: who comes so far has unpacked too much. */
function bombOf(pack: (bytes: Uint8Array) => Uint8Array): Uint8Array {
  const bytes = pack(zeros)
  return bytes.fill(0xff, bytes.length >> 1, -8)
}

describe('pictures', () => {
  it('are refused where they unpack to more than their pixels', async () => {
    const bomb = png([chunk('IDAT', bombOf(zlibSync))])
    expect(bomb.length).toBeLessThan(1 << 17)
    await expect(readImage(bomb, '"bomb.png"')).rejects.toThrow(/A502[^]*"bomb.png"[^]*more than the 8 bytes/)
  })

  it('are read without their profiles and texts', async () => {
    const packed = bombOf(zlibSync)
    const profile = chunk('iCCP', Uint8Array.from([...text.encode('icc'), 0, 0, ...packed]))
    const comment = chunk('zTXt', Uint8Array.from([...text.encode('Comment'), 0, 0, ...packed]))
    const bytes = png([profile, comment, chunk('IDAT', zlibSync(rows))])
    expect([...(await readImage(bytes, 'it')).data]).toEqual(pixels)
  })

  it('are refused where data is missing', async () => {
    await expect(readImage(png([chunk('IDAT', zlibSync(rows.subarray(0, 5)))]), 'it')).rejects.toThrow(
      /5 of the 8 bytes/,
    )
    await expect(readImage(png([]), 'it')).rejects.toThrow(/A502/)
    const whole = png([chunk('IDAT', zlibSync(rows))])
    for (let length = 8; length < whole.length; length++)
      await expect(readImage(whole.subarray(0, length), 'it')).rejects.toThrow(/A502/)
  })

  it('may be split and interlaced', async () => {
    const packed = zlibSync(rows)
    const parts = [packed.subarray(0, 3), packed.subarray(3)].map((part) => chunk('IDAT', part))
    expect([...(await readImage(png(parts), 'it')).data]).toEqual(pixels)
    // Adam7 of 3 × 2: pixel 0, then pixel 2 of the first row, then pixel 1, then the second row.
    const passes = Uint8Array.of(0, 1, 0, 3, 0, 2, 0, 4, 5, 6)
    expect([...(await readImage(png([chunk('IDAT', zlibSync(passes))], true), 'it')).data]).toEqual(pixels)
  })

  it('keep their palette', async () => {
    const palette: [number, number, number][] = [
      [9, 8, 7],
      [1, 2, 3],
    ]
    const bytes = encode({ width: 2, height: 1, channels: 1, depth: 8, data: Uint8Array.of(1, 0), palette })
    expect([...(await readImage(bytes, 'it')).data]).toEqual([1, 2, 3, 9, 8, 7])
    const large = png([chunk('PLTE', new Uint8Array(771)), chunk('IDAT', zlibSync(rows))])
    await expect(readImage(large, 'it')).rejects.toThrow(/palette/)
  })

  it('of JPEG have the size that the decoder sees', async () => {
    // A marker without a segment, behind which stands what would be a frame of 8 × 8 if it had one.
    const frame = (size: number): number[] => [0xff, 0xc0, 0, 11, 8, size >> 8, size & 255, size >> 8, size & 255, 1]
    const bytes = Uint8Array.from([0xff, 0xd8, 0xff, 0x01, ...frame(0xffff), 1, 0x11, 0, ...frame(8), 1, 0x11, 0])
    await expect(readImage(bytes, 'it')).rejects.toThrow(/A301[^]*65535/)
  })
})

describe('archives', () => {
  const idx = (count: number, data: Uint8Array): Uint8Array => Uint8Array.from([0, 0, 8, 1, 0, 0, 0, count, ...data])

  it('are unpacked to what they say, and no further', () => {
    expect(readIdx(gzipSync(idx(3, Uint8Array.of(1, 2, 3))), 'it').data).toEqual(Uint8Array.of(1, 2, 3))
    const bomb = bombOf(gzipSync)
    new DataView(bomb.buffer).setUint32(bomb.length - 4, 100, true)
    expect(() => readIdx(bomb, '"i.gz"')).toThrow(/A502[^]*"i.gz"[^]*more than the 100 bytes/)
    const liar = gzipSync(idx(3, Uint8Array.of(1, 2, 3)))
    new DataView(liar.buffer).setUint32(liar.length - 4, 2 ** 31 - 1, true)
    expect(() => readIdx(liar, 'it')).toThrow(/A502[^]*too short/)
  })

  it('may end anywhere', () => {
    const whole = gzipSync(idx(3, Uint8Array.of(1, 2, 3)))
    for (let length = 2; length < whole.length; length++)
      expect(() => readIdx(whole.subarray(0, length), '"short.gz"'), String(length)).toThrow(/A502[^]*"short.gz"/)
  })

  it('have no entries that overlap', () => {
    const zip = zipSync({ 'a.npy': writeNpy(tensorOf('u8', [64], new Array<number>(64).fill(1))) }, { level: 0 })
    const end = zip.length - 22
    const view = new DataView(zip.buffer, zip.byteOffset)
    const directory = zip.slice(view.getUint32(end + 16, true), end)
    const entries = 8
    const bytes = new Uint8Array(end + directory.length * (entries - 1) + 22)
    bytes.set(zip.subarray(0, end))
    for (let i = 1; i < entries; i++) {
      const at = end + (i - 1) * directory.length
      bytes.set(directory, at)
      bytes[at + 46] = 97 + i
    }
    bytes.set(zip.subarray(end), bytes.length - 22)
    const tail = new DataView(bytes.buffer, bytes.length - 22)
    tail.setUint16(8, entries, true)
    tail.setUint16(10, entries, true)
    tail.setUint32(12, directory.length * entries, true)
    expect(Object.keys(readNpz(zip))).toEqual(['a'])
    expect(() => readNpz(bytes, '"o.npz"')).toThrow(/A502[^]*"o.npz"[^]*overlap/)
  })

  it('are unpacked piece by piece', () => {
    expect(unpack('zlib', [zlibSync(zeros.subarray(0, 1 << 20))], 1 << 20).length).toBe(1 << 20)
    expect(() => unpack('zlib', [bombOf(zlibSync)], 100_000)).toThrow(/more than the 100000/)
  })
})

describe('lines', () => {
  let folder: string
  beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), 'attar-'))))
  afterAll(() => rmSync(folder, { recursive: true }))
  const inputs = [{ name: 'x', dtype: 'f32' as const, shape: [1] }]
  const read = (name: string, content: string | Uint8Array) => {
    writeFileSync(join(folder, name), content)
    return readDataset(join(folder, name), inputs)
  }

  it('are no longer than the limit, nor more', async () => {
    await expect(read('long.jsonl', new Uint8Array(2 ** 26 + 2).fill(0x20))).rejects.toThrow(
      /A301[^]*long.jsonl[^]*line 1/,
    )
    await expect(read('long.csv', `x\n${'1'.repeat(2 ** 26 + 1)}`)).rejects.toThrow(/A502[^]*long.csv/)
    await expect(read('many.csv', 'x\n'.repeat(2 ** 21 + 1))).rejects.toThrow(/A301[^]*many.csv[^]*rows/)
  })

  it('of JSON are counted from 1, empty ones too', async () => {
    await expect(read('bad.jsonl', '\n{"x": 1}\n\n{"x": "a"}')).rejects.toThrow(/line 4/)
    expect((await read('good.jsonl', '{"x": 1}\r\n\n{"x": [2]}\n')).samples.map(({ x }) => x!.data[0])).toEqual([1, 2])
  })
})
