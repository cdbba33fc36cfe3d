import { describe, expect, it } from 'vitest'
import { loadBinaryen } from '../../compiler/wasm/emit.ts'
import { hoistVectorConstants } from '../../compiler/wasm/vector-constants.ts'

const binaryen = await loadBinaryen()

/** The module, and the same after the pass as text. */
function hoisted(text: string) {
  const m = binaryen.parseText(`(module (memory (export "memory") 1) ${text})`)
  m.setFeatures(binaryen.Features.All)
  expect(m.validate()).toBe(1)
  const before = m.emitBinary()
  m.dispose()
  const after = hoistVectorConstants(before)
  const read = binaryen.readBinary as (bytes: Uint8Array, features: number) => typeof m
  const changed = read(after, binaryen.Features.All)
  expect(changed.validate()).toBe(1)
  const printed = changed.emitText()
  changed.dispose()
  return { before, after, printed }
}

/** What `run` of the module leaves in the first bytes of its memory. */
function memoryAfter(module: Uint8Array, ...args: number[]): Uint8Array {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(module as BufferSource))
  ;(exports['run'] as (...args: number[]) => void)(...args)
  return new Uint8Array((exports['memory'] as WebAssembly.Memory).buffer).slice(0, 256)
}

const constants = (text: string): number => text.split('v128.const').length - 1

/** A loop that stores what it makes of constants, with every kind of instruction that has something behind its opcode. */
const loop = `(func (export "run") (param $n i32) (param $scale f32) (local $i i32) (local $v v128)
  (local.set $v (v128.const i32x4 3 3 3 3))
  (block $end (loop $again
    (br_if $end (i32.ge_u (local.get $i) (local.get $n)))
    (block $a (block $b (br_table $a $b (i32.and (local.get $i) (i32.const 1)))))
    (v128.store offset=16 (i32.shl (local.get $i) (i32.const 4))
      (f32x4.add (f32x4.mul (v128.const f32x4 0.5 0.5 0.5 0.5) (f32x4.splat (local.get $scale)))
        (f32x4.add (v128.const f32x4 -2.5 -2.5 -2.5 -2.5) (v128.const f32x4 0.5 0.5 0.5 0.5))))
    (v128.store32_lane offset=8 2 (i32.const 0) (i32x4.add (local.get $v) (v128.const i32x4 -7 -7 -7 -7)))
    (v128.store (i32.const 160) (i8x16.shuffle 0 17 2 19 4 21 6 23 8 25 10 27 12 29 14 31
      (v128.const i64x2 0x1122334455667788 0x1122334455667788) (v128.const i32x4 0 0 0 0)))
    (v128.store (i32.const 176) (v128.const i32x4 1 2 3 4))
    (v128.store (i32.const 192) (i64x2.replace_lane 1 (v128.const i32x4 -1 -1 -1 -1) (i64.const 0x123456789)))
    (f64.store (i32.const 208) (f64.add (f64.const 1e300) (f64.promote_f32 (select (f32.const 2) (f32.const 3) (local.get $i)))))
    (memory.fill (i32.const 216) (i32.trunc_sat_f32_s (local.get $scale)) (i32.const 4))
    (local.set $i (i32.add (local.get $i) (i32.const 1)))
    (br $again))))`

describe('hoistVectorConstants', () => {
  const { before, after, printed } = hoisted(loop)

  it('keeps what the code does', () => {
    for (const args of [
      [5, 3],
      [1, -8],
      [0, 1],
    ])
      expect(memoryAfter(after, ...args)).toEqual(memoryAfter(before, ...args))
  })

  it('leaves only constants that are no splats, or that engines make at once', () => {
    expect(constants(printed)).toBe(3)
    expect(printed).toContain('0x00000001 0x00000002 0x00000003 0x00000004')
    expect(printed).toContain('0xffffffff 0xffffffff 0xffffffff 0xffffffff')
    expect(printed).toContain('0x00000000 0x00000000 0x00000000 0x00000000')
  })

  it('makes those of a loop once, before it', () => {
    const [prologue, rest] = printed.split('(loop') as [string, string]
    expect(prologue.split('.splat').length - 1).toBe(5)
    expect(rest.split('.splat').length - 1).toBe(1)
  })

  it('refuses code with instructions that it does not know', () => {
    const tail = '(func $f (param i32)) (func (export "run") (param i32) (return_call $f (local.get 0)))'
    expect(() => hoisted(tail)).toThrow('instruction 18 is none that kernels have')
  })

  it('leaves code without them as it is', () => {
    const plain = hoisted('(func (export "run") (param i32) (drop (i32.load (local.get 0))))')
    expect(plain.after).toEqual(plain.before)
  })
})
