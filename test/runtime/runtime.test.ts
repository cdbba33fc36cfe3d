import { execFileSync } from 'node:child_process'
import { writeFileSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { pathToFileURL } from 'node:url'
import { inspect } from 'node:util'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { abiVersion } from '../../compiler/core/artefact/artefact.ts'
import { runtimeSource } from '../../compiler/package/runtime.generated.ts'
import { instantiate, load, target, type Model, type Source, type View } from '../../runtime/index.ts'
import { compiled, inputs, outputs, spec, withSection } from '../package/fixture.ts'

const { simd, 'relaxed-simd': relaxed } = compiled().modules as Record<string, Uint8Array<ArrayBuffer>>
const nowhere = () => new URL('file:///nowhere/model.wasm')

describe('instantiate', () => {
  it('takes a module or its bytes', () => {
    for (const source of [simd!, simd!.slice().buffer, new WebAssembly.Module(simd!)]) {
      expect(instantiate(source, spec).run(inputs())).toEqual(outputs('simd'))
    }
  })

  it.runIf(target === 'relaxed-simd')('takes the other module', () => {
    expect(instantiate(relaxed!, spec).run(inputs())).toEqual(outputs('relaxed-simd'))
  })

  it('refuses a module of another compilation or ABI', () => {
    expect(() => instantiate(simd!, { ...spec, hash: 'fedcba9876543210' })).toThrow('another compilation')
    const bare = Uint8Array.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0])
    expect(() => instantiate(bare, spec)).toThrow('another compilation')
    for (const content of ['', '{}', JSON.stringify({ ...spec, abi: abiVersion + 1 })])
      expect(() => instantiate(withSection(bare, 'attar', content), spec)).toThrow('another compilation')
  })
})

describe('run', () => {
  const model = instantiate(simd!, spec)

  it('gives views that live until the next run, the same each time', () => {
    const first = model.run(inputs())
    expect(first).toBe(model.outputs)
    const y = first['y']
    model.run({ ...inputs(), x: new Float32Array(6) })
    expect(y).toEqual(new Float32Array(6).fill(1))
  })

  it('gives copies on request', () => {
    const first = model.run(inputs(), { copy: true })
    model.run({ ...inputs(), x: new Float32Array(6) })
    expect(first).toEqual(outputs('simd'))
    expect(Object.keys(first)).toEqual(spec.outputs.map((port) => port.name))
  })

  it('takes inputs that were written in place, all or some', () => {
    const fill = (name: string, value: View) => {
      const view = model.inputs[name]!
      new Uint8Array(view.buffer, view.byteOffset, view.byteLength).set(new Uint8Array(value.buffer))
    }
    for (const [name, value] of Object.entries(inputs())) fill(name, value)
    expect(model.run()).toEqual(outputs('simd'))
    fill('x', inputs().x)
    expect(model.run({ ...inputs(), x: model.inputs['x']! })).toEqual(outputs('simd'))
  })

  it('takes a number for each element of an array and nothing else', () => {
    for (const bad of ['1', undefined, null, {}, [1], 1n, true, Symbol('s'), () => 1, { valueOf: () => 1 }])
      expect(() => model.run({ ...inputs(), x: [0, 1, 2, 3, 4, bad] as number[] }), String(bad)).toThrow(TypeError)
    expect(() => model.run({ ...inputs(), x: new Array<number>(6) })).toThrow('(f32[2,3]) takes no undefined')
    expect(model.run({ ...inputs(), x: [0.1, NaN, Infinity, -0, 1e300, 1] })['y']).toEqual(
      Float32Array.from([0.1, NaN, Infinity, -0, 1e300, 1], (x) => 2 * Math.fround(x) + 1),
    )
    for (const bad of [256, -1, 1.5, NaN, Infinity, '1', true, 1n])
      expect(() => model.run({ ...inputs(), 'a"b': [0, 1, 2, bad] as number[] }), String(bad)).toThrow(TypeError)
    for (const bad of [2n ** 63n, 1.5, 2 ** 53, NaN, '1', true])
      expect(() => model.run({ ...inputs(), ['__proto__']: [bad] as number[] }), String(bad)).toThrow(TypeError)
    for (const whole of [2 ** 53 - 1, -5, 2n ** 63n - 2n])
      expect(model.run({ ...inputs(), ['__proto__']: [whole] })['__proto__']).toEqual(
        new BigInt64Array([BigInt(whole) + 1n]),
      )
  })

  it('leaves its inputs alone where it refuses one', () => {
    model.inputs['x']!.set(inputs().x as never)
    const { half: _, ...others } = inputs()
    expect(() => model.run({ ...others, x: new Float32Array(6) })).toThrow('"half"')
    expect(model.inputs['x']).toEqual(inputs().x)
  })

  it('takes plain arrays, and pixels for bytes', () => {
    const values = { ...inputs(), x: [0, 1, -2, 3, 4.5, 5], 'a"b': new Uint8ClampedArray([0, 1, 254, 255]) }
    expect(model.run({ ...values, ['__proto__']: [-(2n ** 40n)] })).toEqual(outputs('simd'))
  })

  it('refuses what does not fit and says what would', () => {
    const refusal = (values: object) => {
      try {
        model.run(values as Parameters<Model['run']>[0])
      } catch (error) {
        expect(error).toBeInstanceOf(TypeError)
        return (error as TypeError).message
      }
      return 'none'
    }
    const { x: _, ...withoutX } = inputs()
    expect(refusal(withoutX)).toBe('attar: input "x" (f32[2,3]) takes a Float32Array of 6, got undefined')
    expect(refusal({ ...inputs(), x: new Float32Array(5) })).toContain('Float32Array of 6, got Float32Array of 5')
    expect(refusal({ ...inputs(), x: new Float64Array(6) })).toContain('Float32Array of 6, got Float64Array of 6')
    const others: [unknown, string][] = [
      [1, 'number'],
      [null, 'object'],
      ['abcdef', 'string'],
      [{ length: 6 }, 'object'],
      [{ length: 6, [Symbol.toStringTag]: 'Float32Array' }, 'object'],
      [(...args: [1, 2, 3, 4, 5, 6]) => args, 'function'],
      [new Proxy(new Float32Array(6), {}), 'object'],
      [new DataView(new ArrayBuffer(24)), 'DataView of undefined'],
    ]
    for (const [x, got] of others)
      expect(refusal({ ...inputs(), x })).toBe(`attar: input "x" (f32[2,3]) takes a Float32Array of 6, got ${got}`)
    expect(refusal({ ...inputs(), half: [1, 2] })).toContain(
      'input "half" (f16[2]) takes a Uint16Array of 2, got array',
    )
    expect(refusal({ ...inputs(), X: [1] })).toBe('attar: no input "X", only "x", "a"b", "__proto__", "half"')
    expect(refusal({ ...inputs(), toString: [1] })).toContain('no input "toString"')
    const { ['__proto__']: __, ...withoutProto } = inputs()
    // Nothing is no request to compute on what an earlier one left.
    expect(() => model.run(null as never)).toThrow(TypeError)
    expect(refusal(withoutProto)).toContain('input "__proto__" (i64[]) takes a BigInt64Array of 1, got undefined')
  })
})

describe('load', () => {
  let server: Server
  let folder: string
  let address: string
  const requests: string[] = []

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'attar-runtime-'))
    writeFileSync(join(folder, 'a model.wasm'), simd!)
    server = createServer((request, response) => {
      requests.push(request.url!)
      const found = request.url!.startsWith('/model')
      const typed = request.url!.endsWith('typed') ? { 'Content-Type': 'application/wasm' } : {}
      response.writeHead(found ? 200 : 404, typed).end(found ? simd : '')
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    address = `http://127.0.0.1:${(server.address() as { port: number }).port}`
  })
  afterAll(() => {
    server.close()
    rmSync(folder, { recursive: true })
  })

  it.each<[string, () => Source | Promise<Source>]>([
    ['a module', () => new WebAssembly.Module(simd!)],
    ['a promise of a module', () => WebAssembly.compile(simd!)],
    ['bytes', () => simd!],
    ['a buffer', () => simd!.slice().buffer],
    ['a response', () => fetch(`${address}/model`)],
    ['a response of the right type', () => fetch(`${address}/model-typed`)],
    ['an address', () => `${address}/model-typed`],
    ['a URL', () => new URL(`${address}/model`)],
    ['a file', () => pathToFileURL(join(folder, 'a model.wasm'))],
    ["a file's address", () => pathToFileURL(join(folder, 'a model.wasm')).href],
    ['a path', () => join(folder, 'a model.wasm')],
    ['a path from the working directory', () => relative(process.cwd(), join(folder, 'a model.wasm'))],
  ])('takes %s', async (_, source) => {
    expect((await load(spec, source(), nowhere)).run(inputs())).toEqual(outputs('simd'))
  })

  it('gives outputs that consoles show', async () => {
    const model = await load(spec, simd!, nowhere)
    const results = model.run(inputs())
    expect(inspect(results)).toBe(inspect({ ...results }))
    expect(inspect(results)).not.toContain('Getter')
    expect(model.outputs).toBe(results)
  })

  it('decodes a data URL itself, which a policy may forbid fetch', async () => {
    vi.stubGlobal('fetch', () => Promise.reject(new TypeError('refused by the policy')))
    try {
      const text = `data:application/wasm;base64,${Buffer.from(simd!).toString('base64')}`
      for (const source of [text, new URL(text)])
        expect((await load(spec, source, nowhere)).run(inputs())).toEqual(outputs('simd'))
      await expect(load(spec, 'data:application/wasm,%00asm', nowhere)).rejects.toThrow('policy')
    } finally {
      vi.unstubAllGlobals()
    }
  })

  it('reports what it could not have', async () => {
    await expect(load(spec, fetch(`${address}/absent`), nowhere)).rejects.toThrow(`${address}/absent: 404`)
    await expect(load(spec, nowhere(), nowhere)).rejects.toThrow('ENOENT')
    await expect(load(spec, new Uint8Array(8), nowhere)).rejects.toThrow(WebAssembly.CompileError)
    await expect(load({ ...spec, hash: '' }, simd!, nowhere)).rejects.toThrow('another compilation')
    await expect(load(spec, 'data:application/wasm;base64,AGFzbQEAAAA=', nowhere)).rejects.toThrow(
      'another compilation',
    )
  })

  it("reads the target's own file, and the baseline in its absence", async () => {
    const locate = (wanted: string) => new URL(`${address}/${wanted === 'simd' ? 'model' : 'absent'}`)
    requests.length = 0
    expect((await load(spec, undefined, locate)).run(inputs())).toEqual(outputs('simd'))
    expect(requests).toEqual(target === 'simd' ? ['/model'] : ['/absent', '/model'])
    await expect(load(spec, undefined, () => new URL(`${address}/absent`))).rejects.toThrow('404')
  })
})

describe('target', () => {
  const targetOf = (...flags: string[]) =>
    execFileSync(process.execPath, [...flags, '-e', `${runtimeSource};console.log(attar({}).target)`], {
      encoding: 'utf8',
    })

  it('is what the engine validates', () => {
    expect(targetOf().trim()).toBe(target)
    // This module is nothing but the fixture's relaxed_madd: another instruction of the same proposal.
    expect(WebAssembly.validate(relaxed!)).toBe(target === 'relaxed-simd')
  })

  const v8 = process.versions.v8.split('.').map(Number) as [number, number]
  it.runIf(v8[0] === 11 && v8[1] < 4)('is not the draft of relaxed SIMD that old engines have behind a flag', () => {
    expect(targetOf('--experimental-wasm-relaxed-simd').trim()).toBe('simd')
  })
})
