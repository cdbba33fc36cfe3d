import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { compile, instantiate, type CompileOptions, type Model, type Output } from '../../compiler/index.ts'
import { model as onnx } from '../onnx/build.ts'
import { shippedRuntimes } from '../support/shipped.ts'
import { tensorOf } from '../../compiler/core/tensor.ts'

const sums = onnx({
  inputs: ['x f32[2,2]', 'h f32[2,2]', 'n i64[1]', '__proto__ u8[3]'],
  outputs: ['y f32[2,2]', 'hn f32[2,2]', 'n2 i64[1]', 'p2 u8[3]'],
  nodes: ['hn = Add(x, h)', 'y = Mul(x, h)', 'n2 = Add(n, n)', 'p2 = Add(__proto__, __proto__)'],
})
const state = Object.fromEntries([
  ['h', 'hn'],
  ['n', 'n2'],
  ['__proto__', 'p2'],
])
const stateStart: CompileOptions['stateStart'] = Object.fromEntries([
  ['h', tensorOf('f32', [2, 2], [1, 2, 3, 4])],
  ['__proto__', tensorOf('u8', [3], [1, 2, 3])],
])
const { modules, spec } = await compile(sums, { targets: ['simd'], state, stateStart })
const wasm = modules.simd as BufferSource

/** A function, so that no matcher sees the getters' object. */
const values = (model: Model): Record<string, number[]> =>
  Object.fromEntries(Object.entries(model.state).map(([name, view]) => [name, Array.from(view, Number)]))
const start = Object.fromEntries([
  ['h', [1, 2, 3, 4]],
  ['n', [0]],
  ['__proto__', [1, 2, 3]],
])
const x = [1, 1, 1, 1]

const runtimes = { library: instantiate, shipped: shippedRuntimes.stateful }
describe.each(Object.entries(runtimes))('a model with states, by the %s runtime', (_, bind) => {
  it('takes the other inputs, gives the other outputs, and keeps its states', () => {
    const model = bind(wasm, spec)
    expect(Object.keys(model.inputs)).toEqual(['x'])
    expect(values(model)).toEqual(start)
    expect({ ...model.run({ x }) }).toEqual({ y: Float32Array.of(1, 2, 3, 4) })
    expect({ ...model.run({ x }) }).toEqual({ y: Float32Array.of(2, 3, 4, 5) })
    expect(values(model)).toEqual({ ...start, h: [3, 4, 5, 6], ['__proto__']: [4, 8, 12] })
    expect(() => model.run({ x, h: x })).toThrow('no input "h", only "x"')
  })

  it('starts anew by reset, at any time and as often as one likes', () => {
    const model = bind(wasm, spec)
    model.reset()
    expect(values(model)).toEqual(start)
    for (let i = 0; i < 3; i++) {
      model.run({ x })
      model.state['n'] = BigInt64Array.of(7n)
      model.reset()
      expect(values(model)).toEqual(start)
    }
    expect({ ...model.run({ x }) }).toEqual({ y: Float32Array.of(1, 2, 3, 4) })
  })

  it('has its states written by assignment, checked like inputs, and in place', () => {
    const model = bind(wasm, spec)
    const view = model.state['h']!
    model.state['h'] = Float32Array.of(5, 6, 7, 8)
    expect(model.state['h']).toBe(view)
    expect(model.run({ x })['y']).toEqual(Float32Array.of(5, 6, 7, 8))
    view.set([9, 9, 9, 9] as never)
    Object.assign(model.state, { n: [3] }, { n: [4n] })
    expect(model.run({ x })['y']).toEqual(Float32Array.of(9, 9, 9, 9))
    expect(values(model)['n']).toEqual([8])
    const refused = (name: string, value: unknown): void => {
      const before = values(model)
      expect(() => void ((model.state as Record<string, unknown>)[name] = value), String(value)).toThrow(TypeError)
      expect(values(model)).toEqual(before)
    }
    for (const value of [
      undefined,
      null,
      1,
      'abcd',
      [1, 2, 3],
      [1, 2, 3, '4'],
      new Float32Array(5),
      new Float64Array(4),
    ])
      refused('h', value)
    for (const value of [[1.5], [2n ** 63n], [null]]) refused('n', value)
    refused('__proto__', [1, 2, 256])
    refused('H', [1])
    expect(() => void (model.state['h'] = new Float32Array(3))).toThrow(
      'attar: state "h" (f32[2,2]) takes a Float32Array of 4, got Float32Array of 3',
    )
    expect(() => void (model.state['h'] = [1, 2, 3, '4'] as never)).toThrow('state "h" (f32[2,2]) takes no 4')
  })

  it('takes views of its own memory: states as inputs and for one another', () => {
    const model = bind(wasm, spec)
    model.run({ x: model.state['h']! })
    expect(values(model)['h']).toEqual([2, 4, 6, 8])
    model.state['h'] = model.run({ x })['y'] as Float32Array
    expect(values(model)['h']).toEqual([2, 4, 6, 8])
    model.state['h'] = model.state['h']
    expect(values(model)['h']).toEqual([2, 4, 6, 8])
  })

  it('shares states with no other instance', () => {
    const module = new WebAssembly.Module(wasm)
    const [a, b] = [bind(module, spec), bind(module, spec)]
    a.run({ x })
    a.run({ x })
    expect(values(b)).toEqual(start)
    b.run({ x })
    Object.assign(b.state, { n: [5] })
    a.reset()
    expect(values(b)).toEqual({ ...start, h: [2, 3, 4, 5], n: [5], ['__proto__']: [2, 4, 6] })
  })
})

describe('a model without states', () => {
  it('has none in its script, and none to restore in the library', async () => {
    const { modules, spec } = await compile(sums, { targets: ['simd'] })
    const shipped = shippedRuntimes.plain(modules.simd as BufferSource, spec)
    expect(Object.keys(shipped)).toEqual(['inputs', 'outputs', 'run'])
    const model = instantiate(modules.simd as BufferSource, spec)
    model.reset()
    expect(model.state).toEqual({})
  })
})

describe('a recurrent model', () => {
  it('takes no more memory after 100,000 runs than after 1,000', async () => {
    const { modules, spec } = await compile(
      onnx({
        inputs: ['x f32[1,4]', 'h f32[1,4]'],
        outputs: ['y f32[1,4]', 'hn f32[1,4]'],
        nodes: ['s = Add(x, h)', 'hn = Tanh(s)', 'y = Neg(hn)'],
      }),
      { targets: ['simd'], state: { h: 'hn' } },
    )
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    const model = shippedRuntimes.stateful(modules.simd as BufferSource, spec)
    const { buffer } = model.state['h']!
    const bytes = buffer.byteLength
    const inputs = { x: Float32Array.of(0.1, -0.2, 0.3, -0.4) }
    let expected = [0, 0, 0, 0]
    let y: Output = []
    const run = (times: number): number => {
      for (let i = 0; i < times; i++) {
        y = model.run(inputs)['y']!
        if (i % 1000 === 0) model.state['h'] = model.state['h']!.slice()
      }
      collect()
      return process.memoryUsage().heapUsed
    }
    const [early, late] = [run(1000), run(99_000)]
    // Ten bytes a run: any object that a run left behind is larger.
    expect(late - early).toBeLessThan(990_000)
    expect(buffer.byteLength).toBe(bytes)
    expect(model.state['h']!.buffer).toBe(buffer)
    for (let i = 0; i < 100_000; i++) expected = expected.map((h, k) => Math.fround(Math.tanh(h + inputs.x[k]!)))
    Array.from(y, Number).forEach((value, k) => expect(value).toBeCloseTo(-expected[k]!, 5))
  })
})
