import { nonZeroRanges } from '../core/bytes/zero-runs.ts'
/** The parts of a module that we write ourselves: data segments and custom sections (WebAssembly core specification, 5.5). */

function leb128(value: number): number[] {
  const bytes: number[] = []
  for (let rest = value; ;) {
    const low = rest % 128
    rest = Math.floor(rest / 128)
    if (rest === 0) return [...bytes, low]
    bytes.push(low | 128)
  }
}

function signedLeb128(value: number): number[] {
  const bytes: number[] = []
  for (let rest = value | 0; ; rest >>= 7) {
    const low = rest & 127
    const done = (rest >> 7 === 0 && (low & 64) === 0) || (rest >> 7 === -1 && (low & 64) !== 0)
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

const section = (id: number, chunks: readonly (Uint8Array | readonly number[])[]): Uint8Array => {
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
