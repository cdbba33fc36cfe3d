import { Cursor } from './sections.ts'

/**
 * Opcodes that stand in `run` (WebAssembly 3.0, 5.4), calls with arguments that are constants or follow from a global, and
 * in functions that pass their arguments on to one of several.
 */
const opcodes = {
  ...{ block: 0x02, if: 0x04, else: 0x05, end: 0x0b, call: 0x10, localGet: 0x20, globalGet: 0x23 },
  ...{ i32Const: 0x41, f32Const: 0x43, i32Ne: 0x47, i32Xor: 0x73 },
}

/** Indices of the functions that a body calls, in order; undefined if it does anything but choose and call functions. */
export function callsOf(body: Uint8Array): readonly number[] | undefined {
  const cursor = new Cursor(body)
  if (cursor.u32() !== 0) return undefined // locals
  const calls: number[] = []
  while (!cursor.done) {
    switch (cursor.take(1)[0]) {
      case opcodes.block:
      case opcodes.if:
        cursor.take(1)
        break
      case opcodes.else:
      case opcodes.end:
      case opcodes.i32Ne:
      case opcodes.i32Xor:
        break
      case opcodes.localGet:
      case opcodes.globalGet:
        cursor.u32()
        break
      case opcodes.call:
        calls.push(cursor.u32())
        break
      case opcodes.i32Const:
        while (cursor.take(1)[0]! >= 0x80);
        break
      case opcodes.f32Const:
        cursor.take(4)
        break
      default:
        return undefined
    }
  }
  return calls
}
