import { Cursor } from './sections.ts'

/** Opcodes that stand in `run` (WebAssembly 3.0, 5.4): calls with constant arguments. */
const opcodes = { block: 0x02, end: 0x0b, call: 0x10, i32Const: 0x41, f32Const: 0x43 }

/**
 * Indices of the functions that a body calls, in order; undefined if it does anything but call functions with constant
 * arguments.
 */
export function callsOf(body: Uint8Array): readonly number[] | undefined {
  const cursor = new Cursor(body)
  if (cursor.u32() !== 0) return undefined // locals
  const calls: number[] = []
  while (!cursor.done) {
    switch (cursor.take(1)[0]) {
      case opcodes.block:
        cursor.take(1)
        break
      case opcodes.end:
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
