import { describe, expect, it } from 'vitest'
import { CompileError } from '../../compiler/core/diagnostics/diagnostic.ts'
import { callsOf } from '../../compiler/inspect/calls.ts'
import { inspectModule } from '../../compiler/inspect/index.ts'
import { compiled, spec, withSection } from '../package/fixture.ts'

const modules = compiled().modules
const simd = modules.simd!
const header = simd.slice(0, 8)

const sectionBytes = (id: number, ...payload: number[]) => [id, payload.length, ...payload]
const memoryOf = (pages: number) => sectionBytes(5, 1, 0, pages)
const moduleOf = (...parts: number[][]) => Uint8Array.from([...header, ...parts.flat()])

function refusal(bytes: Uint8Array): string {
  try {
    inspectModule(bytes)
  } catch (error) {
    expect(error).toBeInstanceOf(CompileError)
    const { diagnostics } = error as CompileError
    expect(diagnostics.map((d) => d.code)).toEqual(['A502'])
    return diagnostics[0]!.message
  }
  return 'none'
}

describe('the calls of a function', () => {
  it('are read where their arguments are constants', () => {
    // No locals; a block of call 3 with -1 (two bytes) and 1.5, then call 200; its end and the function's.
    const arguments_ = [0x41, 0xff, 0x7f, 0x43, 0, 0, 0xc0, 0x3f]
    const body = [0, 0x02, 0x40, ...arguments_, 0x10, 3, 0x10, 0xc8, 1, 0x0b, 0x0b]
    expect(callsOf(Uint8Array.from(body))).toEqual([3, 200])
    expect(callsOf(Uint8Array.from([0, 0x0b]))).toEqual([])
  })

  it('are read where a global decides between two', () => {
    // if (global0 != 1) call 5 (local0) else call 6 (local0)
    const chosen = [0x04, 0x40, 0x20, 0, 0x10, 5, 0x05, 0x20, 0, 0x10, 6, 0x0b]
    expect(callsOf(Uint8Array.from([0, 0x23, 0, 0x41, 1, 0x47, ...chosen, 0x0b]))).toEqual([5, 6])
  })

  it('are not read where there is anything else', () => {
    expect(callsOf(Uint8Array.from([1, 1, 0x7f, 0x10, 3, 0x0b]))).toBeUndefined()
    expect(callsOf(Uint8Array.from([0, 0x41, 0, 0x28, 2, 0, 0x10, 3, 0x0b]))).toBeUndefined()
  })
})

describe('inspectModule', () => {
  it.each(Object.entries(modules))('reads a %s module back', (_, bytes) => {
    const found = inspectModule(bytes)
    expect(found.spec).toEqual(spec)
    expect(found.imports).toEqual([])
    expect(found.exports).toEqual([
      { name: 'memory', kind: 'memory' },
      { name: 'run', kind: 'func' },
    ])
    expect(found.memoryPages).toBe(1)
    expect(found.sections.map((s) => s.name)).toEqual(['type', 'function', 'memory', 'export', 'code', 'data', 'attar'])
    expect(found.sections.reduce((sum, s) => sum + s.bytes, 8)).toBe(bytes.length)
    expect(found.functions).toHaveLength(1)
    // Around the body: section id and size, function count, body size, each number of at most two bytes.
    expect(found.codeBytes - found.functions[0]!).toBeGreaterThanOrEqual(4)
    expect(found.codeBytes - found.functions[0]!).toBeLessThanOrEqual(6)
    expect(found.dataBytes).toBeGreaterThan('weights of the model'.length)
    expect(found.dataBytes).toBeLessThan('weights of the model'.length + 12)
  })

  it('refuses what is no module of attar', () => {
    expect(refusal(new Uint8Array(0))).toContain('magic')
    expect(refusal(new TextEncoder().encode('PK\u0003\u0004 not a module'))).toContain('magic')
    expect(refusal(header)).toContain('no memory')
    expect(refusal(moduleOf(memoryOf(1)))).toContain('no section "attar"')
    expect(refusal(simd.subarray(0, simd.length - 1))).toContain('more bytes are due')
    expect(refusal(moduleOf([99, 0]))).toContain('section id 99')
  })

  it('does not follow counts and lengths that the bytes do not hold', () => {
    const huge = [0xff, 0xff, 0xff, 0xff, 0x0f]
    const type = sectionBytes(1, 1, 0x60, 0, 0)
    expect(refusal(moduleOf([10, ...huge]))).toContain('more bytes are due')
    expect(refusal(moduleOf([10, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f]))).toContain('exceeds 32 bits')
    expect(refusal(moduleOf(sectionBytes(10, ...huge)))).toContain('functions')
    for (const id of [1, 2, 3, 4, 5, 6, 7])
      expect(refusal(moduleOf(type, sectionBytes(id, ...huge)))).toContain('rejects')
    // An export whose name claims 4 GiB.
    expect(refusal(moduleOf(memoryOf(1), sectionBytes(7, 1, ...huge, 2, 0)))).toContain('rejects')
    const bulk = new Array<number>(2 ** 19).fill(0)
    expect(refusal(moduleOf([1, 0x80, 0x80, 0x20, ...bulk]))).toContain('exceed')
  })

  it('refuses a specification that does not fit the module', () => {
    const withSpec = (change: object) =>
      refusal(withSection(moduleOf(memoryOf(1)), 'attar', JSON.stringify({ ...spec, ...change })))
    const [port] = spec.inputs
    expect(withSpec({})).toBe('none')
    expect(withSpec({ abi: 99 })).toContain('ABI 99')
    expect(withSpec({ attar: 1 })).toContain('no version')
    expect(withSpec({ hash: 1 })).toContain('no hash')
    expect(withSpec({ metadata: { labels: 1 } })).toContain('metadata')
    expect(withSpec({ inputs: {} })).toContain('malformed inputs')
    expect(withSpec({ inputs: [port, port] })).toContain('same name')
    expect(withSpec({ outputs: [{ ...port, dtype: 'toString' }] })).toContain('malformed outputs')
    expect(withSpec({ outputs: [{ ...port, shape: [1.5] }] })).toContain('malformed outputs')
    expect(withSpec({ outputs: [{ ...port, shape: [-1] }] })).toContain('malformed outputs')
    expect(withSpec({ outputs: [{ ...port, shape: [2 ** 14] }] })).toContain('ends at byte 65552 of 65536')
    expect(withSpec({ outputs: [{ ...port, shape: new Array(40).fill(2 ** 40) }] })).toContain('ends at byte Infinity')
    expect(withSpec({ outputs: [{ ...port, address: 18 }] })).toContain('unaligned')
    const garbled = withSection(moduleOf(memoryOf(1)), 'attar', '{"abi":1')
    expect(refusal(garbled)).toContain('SyntaxError')
  })

  it('gives a result or a diagnostic for any mutation', () => {
    let state = 7
    const random = (n: number) => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0
      return Math.floor((state / 2 ** 32) * n)
    }
    let refused = 0
    for (let round = 0; round < 2000; round++) {
      const bytes = simd.slice(0, random(4) ? simd.length : random(simd.length))
      for (let i = random(4); i >= 0; i--) bytes[random(bytes.length)] = random(4) ? random(256) : 0xff
      if (refusal(bytes) !== 'none') refused++
    }
    expect(refused).toBeGreaterThan(500)
  })
})
