import { nonZeroRanges } from '../core/bytes/zero-runs.ts'
/** The parts of a module that we write ourselves: data segments and custom sections (WebAssembly core specification, 5.5). */

export function leb128(value: number): number[] {
  const bytes: number[] = []
  for (let rest = value; ;) {
    const low = rest % 128
    rest = Math.floor(rest / 128)
    if (rest === 0) return [...bytes, low]
    bytes.push(low | 128)
  }
}

/** Of a number its low 32 bits. */
export function signedLeb128(value: number | bigint): number[] {
  const bytes: number[] = []
  for (let rest = typeof value === 'bigint' ? value : BigInt(value | 0); ; rest >>= 7n) {
    const low = Number(rest & 127n)
    const done = (rest >> 7n === 0n && low < 64) || (rest >> 7n === -1n && low >= 64)
    bytes.push(done ? low : low | 128)
    if (done) return bytes
  }
}

export function concatBytes(chunks: readonly (Uint8Array | readonly number[])[]): Uint8Array {
  const result = new Uint8Array(chunks.reduce((sum, c) => sum + c.length, 0))
  let at = 0
  for (const chunk of chunks) {
    result.set(chunk, at)
    at += chunk.length
  }
  return result
}

export const section = (id: number, chunks: readonly (Uint8Array | readonly number[])[]): Uint8Array => {
  const length = chunks.reduce((sum, c) => sum + c.length, 0)
  return concatBytes([[id], leb128(length), ...chunks])
}

/** An active data section that puts `bytes` at address 0; empty where all are zero. */
export function dataSection(bytes: Uint8Array): Uint8Array {
  const ranges = nonZeroRanges(bytes)
  if (ranges.length === 0) return new Uint8Array()
  const i32Const = 0x41
  const end = 0x0b
  const chunks = ranges.flatMap((r) => [
    [0, i32Const, ...signedLeb128(r.start), end, ...leb128(r.end - r.start)],
    bytes.subarray(r.start, r.end),
  ])
  return section(11, [leb128(ranges.length), ...chunks])
}

export function customSection(name: string, content: Uint8Array): Uint8Array {
  const encoded = new TextEncoder().encode(name)
  return section(0, [leb128(encoded.length), encoded, content])
}
