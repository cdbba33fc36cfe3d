import { fail } from '../core/diagnostics/diagnostic.ts'

/** Section names of the WebAssembly binary format by id, §5.5.2; a custom section (0) has its own. */
const names = [
  ...['custom', 'type', 'import', 'function', 'table', 'memory', 'global', 'export', 'start', 'element', 'code'],
  ...['data', 'data count', 'tag'],
]
export const customSection = 0
export const codeSection = 10
export const dataSection = 11

export interface Section {
  readonly id: number
  /** Of a custom section its own, else of the kind. */
  readonly name: string
  /** Size with the section's header, so that all sections and the 8 bytes before them make up the module. */
  readonly bytes: number
  /** What follows the header (and a custom section's name): a view of the module. */
  readonly payload: Uint8Array
}

/** Reads LEB128 numbers and byte ranges from `bytes`; never beyond their end. */
export class Cursor {
  at = 0
  readonly bytes: Uint8Array

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }

  get done(): boolean {
    return this.at >= this.bytes.length
  }

  u32(): number {
    let value = 0
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.take(1)[0]!
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) {
        if (value >= 2 ** 32) break
        return value
      }
    }
    malformed(`a number at byte ${this.at} exceeds 32 bits`)
  }

  take(length: number): Uint8Array {
    if (length > this.bytes.length - this.at) malformed(`it ends where ${length} more bytes are due`)
    return this.bytes.subarray(this.at, (this.at += length))
  }

  name(): string {
    return new TextDecoder().decode(this.take(this.u32()))
  }
}

export function malformed(what: string): never {
  fail('A502', `not a WebAssembly module: ${what}`)
}

/** The sections of a module in file order. @throws CompileError A502 if the bytes aren't framed as one. */
export function readSections(module: Uint8Array): Section[] {
  const magic = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00]
  if (!magic.every((byte, i) => module[i] === byte)) malformed('it does not start with the magic number and version 1')
  const cursor = new Cursor(module)
  cursor.take(magic.length)
  const sections: Section[] = []
  while (!cursor.done) {
    const start = cursor.at
    const id = cursor.take(1)[0]!
    const content = new Cursor(cursor.take(cursor.u32()))
    const name = id === customSection ? content.name() : (names[id] ?? malformed(`section id ${id}`))
    sections.push({ id, name, bytes: cursor.at - start, payload: content.bytes.subarray(content.at) })
  }
  return sections
}

const functionLimit = 2 ** 14

/** The function bodies in a code section's payload. */
export function functionBodies(code: Uint8Array): Uint8Array[] {
  const cursor = new Cursor(code)
  const count = cursor.u32()
  if (count > functionLimit) malformed(`${count} functions, more than attar writes`)
  const bodies = Array.from({ length: count }, () => cursor.take(cursor.u32()))
  if (!cursor.done) malformed('bytes after the last function')
  return bodies
}
