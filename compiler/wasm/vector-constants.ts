import { fail } from '../core/diagnostics/diagnostic.ts'
import { concatBytes, leb128, section, signedLeb128 } from './sections.ts'

/** Bytes of a binary module (WebAssembly core specification, 5), read one after the other. */
class Reader {
  readonly bytes: Uint8Array
  at: number

  constructor(bytes: Uint8Array, at = 0) {
    this.bytes = bytes
    this.at = at
  }

  byte(): number {
    return this.bytes[this.at++]!
  }

  /** An integer of at most 32 bits without a sign. */
  u32(): number {
    let [value, scale] = [0, 1]
    for (;;) {
      const byte = this.byte()
      value += (byte & 127) * scale
      scale *= 128
      if (byte < 128) return value
    }
  }

  /** Any number in LEB128. */
  skipLeb(): void {
    while (this.byte() >= 128);
  }

  skip(bytes: number): void {
    this.at += bytes
  }
}

const op = {
  block: 0x02,
  loop: 0x03,
  if: 0x04,
  end: 0x0b,
  localGet: 0x20,
  localSet: 0x21,
  i32Const: 0x41,
  i64Const: 0x42,
}
const simd = { prefix: 0xfd, const: 12, shuffle: 13, i32x4Splat: 17, i64x2Splat: 18 }
const v128 = 0x7b

/** Whether nothing stands behind an opcode: `unreachable`, `nop`, `else`, `end`, `return`, `drop`, `select`, and all of numbers. */
const isAlone = (code: number): boolean =>
  [0x00, 0x01, 0x05, op.end, 0x0f, 0x1a, 0x1b].includes(code) || (code >= 0x45 && code <= 0xc4)

/** Moves beyond what stands behind the opcode `code`; A601 where that is not known. */
function skipImmediates(r: Reader, code: number): void {
  const memory = (): void => {
    r.skipLeb()
    r.skipLeb()
  }
  if (code >= op.block && code <= op.if) return r.skipLeb()
  if (code === 0x0c || code === 0x0d || code === 0x10) return r.skipLeb()
  if (code === 0x0e) {
    for (let n = r.u32() + 1; n > 0; n--) r.skipLeb()
    return
  }
  if (code === 0x11) return memory()
  if (code === 0x1c) return r.skip(r.u32())
  if (code >= 0x20 && code <= 0x24) return r.skipLeb()
  if (code >= 0x28 && code <= 0x3e) return memory()
  if (code === 0x3f || code === 0x40 || code === op.i32Const || code === op.i64Const) return r.skipLeb()
  if (code === 0x43) return r.skip(4)
  if (code === 0x44) return r.skip(8)
  if (code === 0xfc) {
    const which = r.u32()
    if (which === 8 || which === 10) return memory()
    if (which === 9 || which === 11) return r.skipLeb()
    return
  }
  if (code !== simd.prefix) {
    if (!isAlone(code)) fail('A601', `instruction ${code} is none that kernels have`)
    return
  }
  const which = r.u32()
  if (which <= 11 || which === 92 || which === 93) return memory()
  if (which === simd.const || which === simd.shuffle) return r.skip(16)
  if (which >= 21 && which <= 34) return r.skip(1)
  if (which >= 84 && which <= 91) {
    memory()
    r.skip(1)
  }
}

/** Code that makes a vector of these 16 bytes of a scalar; undefined where its halves differ, and where engines need none. */
function splat(bytes: Uint8Array): number[] | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  const low = view.getBigInt64(0, true)
  if (low !== view.getBigInt64(8, true) || low === 0n || low === -1n) return undefined
  const word = view.getInt32(0, true)
  return word === view.getInt32(4, true)
    ? [op.i32Const, ...signedLeb128(word), simd.prefix, simd.i32x4Splat]
    : [op.i64Const, ...signedLeb128(low), simd.prefix, simd.i64x2Splat]
}

/** The body of a function of `params` parameters, with its constants made of scalars, and outside of loops. */
function hoistIn(body: Uint8Array, params: number): Uint8Array {
  const r = new Reader(body)
  const groups = r.u32()
  const groupsStart = r.at
  let locals = params
  for (let i = 0; i < groups; i++) {
    locals += r.u32()
    r.skip(1)
  }
  const codeStart = r.at
  const isLoop: boolean[] = []
  const found = new Map<string, { readonly local: number; readonly code: readonly number[] }>()
  /** Code that reads the local of a constant. */
  const localOf = (key: string, code: readonly number[]): number[] => {
    const { local } = found.get(key) ?? { local: locals + found.size }
    found.set(key, { local, code })
    return [op.localGet, ...leb128(local)]
  }
  const chunks: (Uint8Array | readonly number[])[] = []
  let copied = codeStart
  let loops = 0
  while (r.at < body.length) {
    const start = r.at
    const code = r.byte()
    if (code === op.block || code === op.loop || code === op.if) {
      isLoop.push(code === op.loop)
      if (code === op.loop) loops++
    } else if (code === op.end && isLoop.pop()) loops--
    skipImmediates(r, code)
    if (code !== simd.prefix || body[start + 1] !== simd.const) continue
    const bytes = body.subarray(start + 2, r.at)
    const splatted = splat(bytes)
    if (!splatted) continue
    chunks.push(body.subarray(copied, start), loops > 0 ? localOf(bytes.join(), splatted) : splatted)
    copied = r.at
  }
  const prologue = [...found.values()].flatMap(({ local, code }) => [...code, op.localSet, ...leb128(local)])
  const own = found.size > 0 ? [...leb128(found.size), v128] : []
  return concatBytes([
    leb128(found.size > 0 ? groups + 1 : groups),
    body.subarray(groupsStart, codeStart),
    own,
    prologue,
    ...chunks,
    body.subarray(copied),
  ])
}

/** Parameters of each function type. */
function typesIn(r: Reader): number[] {
  return Array.from({ length: r.u32() }, () => {
    r.skip(1)
    const params = r.u32()
    r.skip(params)
    r.skip(r.u32())
    return params
  })
}

/**
 * A module in which constant vectors of equal lanes are splats of a scalar, those of a loop in locals that are set before it. V8's
 * Turboshaft makes a constant of 128 bits anew wherever it is used, in several instructions; a splat in a local stays
 * in its register. It takes 8 bytes in place of 18. The module imports nothing.
 */
export function hoistVectorConstants(module: Uint8Array): Uint8Array {
  const r = new Reader(module, 8)
  const chunks: Uint8Array[] = [module.subarray(0, 8)]
  let types: number[] = []
  let functions: number[] = []
  while (r.at < module.length) {
    const start = r.at
    const id = r.byte()
    const length = r.u32()
    const end = r.at + length
    if (id === 1) types = typesIn(r)
    if (id === 3) functions = Array.from({ length: r.u32() }, () => types[r.u32()]!)
    if (id === 10) {
      const bodies = Array.from({ length: r.u32() }, (_, i) => {
        const size = r.u32()
        r.skip(size)
        const body = hoistIn(module.subarray(r.at - size, r.at), functions[i]!)
        return concatBytes([leb128(body.length), body])
      })
      chunks.push(section(id, [leb128(bodies.length), ...bodies]))
    } else chunks.push(module.subarray(start, end))
    r.at = end
  }
  return concatBytes(chunks)
}
