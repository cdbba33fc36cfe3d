import binaryen from 'binaryen'
import { describe, expect, it } from 'vitest'
import { abiVersion } from '../../compiler/core/artefact/artefact.ts'
import { compile } from '../../compiler/index.ts'
import { instantiate, type Model, type Port, type Spec, type View } from '../../runtime/index.ts'
import { model as onnx } from '../onnx/build.ts'
import { compiled, inputs, outputs, spec, withSection } from '../package/fixture.ts'
import { shippedRuntimes } from '../support/shipped.ts'

const simd = compiled(['simd']).modules.simd as Uint8Array<ArrayBuffer>

/** A model of this specification whose `run` copies `bytes` bytes from address 16 to address 128. */
function copying(spec: Spec, bytes: number, start = instantiate): Model {
  const module = binaryen.parseText(`(module (memory (export "memory") 1 1)
    (func (export "run") (memory.copy (i32.const 128) (i32.const 16) (i32.const ${bytes}))))`)
  module.setFeatures(binaryen.Features.All)
  const wasm = withSection(module.emitBinary(), 'attar', JSON.stringify(spec))
  module.dispose()
  return start(wasm, spec)
}

/** A model whose output `y` is its input `s`, without the labels. */
function echoOf({ labels, ...port }: Omit<Port, 'name' | 'address'>): Model {
  const input = { name: 's', ...port, address: 16, ...(labels && { labels }) }
  return copying(
    { abi: abiVersion, hash: 'echo', inputs: [input], outputs: [{ ...port, name: 'y', address: 128 }] },
    64,
  )
}

describe.each(Object.entries(shippedRuntimes))('run on inputs that are views of its memory (%s)', (kind, start) => {
  /** Three inputs side by side from byte 16 on, bytes behind them; `run` copies all of it to the outputs. */
  const names = ['a', 'b', 'c']
  const port = (name: string, i: number, from: number) => {
    return { name, dtype: 'f32', shape: [4], address: from + 16 * i } as const
  }
  const bytes = { name: 'u', dtype: 'u8', shape: [16], address: 64 } as const
  const echo: Spec = {
    abi: abiVersion,
    hash: 'echo',
    inputs: [...names.map((name, i) => port(name, i, 16)), bytes],
    outputs: [...names.map((name, i) => port(name, i, 128)), { ...bytes, address: 176 }],
  }
  const model = copying(echo, 64, start)
  const { buffer } = model.inputs['a']! as { buffer: ArrayBuffer }
  const fill = () => new Uint8Array(buffer, 0, 256).set(Array.from({ length: 256 }, (_, i) => (i * 7) % 251))

  /** Runs on the values, in memory filled anew, and expects what copies of them give. */
  function expectAsCopies(values: Record<string, View | Uint8ClampedArray>): void {
    fill()
    const copies = Object.entries(values).map(([name, value]) => [name, Uint8Array.from(bytesOf(value))])
    const outputs = model.run(values as Parameters<Model['run']>[0])
    expect(Object.entries(outputs).map(([name, value]) => [name, bytesOf(value as View)])).toEqual(copies)
  }
  const bytesOf = ({ buffer, byteOffset, byteLength }: View | Uint8ClampedArray) =>
    new Uint8Array(buffer, byteOffset, byteLength)
  const u = new Uint8Array(16).fill(9)

  it('reads each before an earlier one is written over it: every shift of every input over all others', () => {
    const windows = [0, 4, 12, 16, 20, 28, 32, 36, 44, 48, 128, 136, 144, 160]
    const views = windows.map((at) => new Float32Array(buffer, at, 4))
    for (const a of views) for (const b of views) for (const c of views) expectAsCopies({ a, b, c, u })
  })

  it('takes its inputs for one another, swapped and turned', () => {
    const { a, b, c } = model.inputs as Record<string, View>
    const views = [a!, b!, c!]
    for (const x of views) for (const y of views) for (const z of views) expectAsCopies({ a: x, b: y, c: z, u })
  })

  it('takes outputs of the last run that stand where inputs do, swapped', () => {
    const place = (name: string, address: number) => ({ name, dtype: 'f32', shape: [4], address }) as const
    // Its run leaves all as it is, so that each output is the other input.
    const swap: Spec = {
      abi: abiVersion,
      hash: 'swap',
      inputs: [place('a', 16), place('b', 32)],
      outputs: [place('a', 32), place('b', 16)],
    }
    const model = copying(swap, 0, start)
    let state = model.run({ a: [1, 2, 3, 4], b: [5, 6, 7, 8] }) as Record<string, View>
    for (let i = 0; i < 3; i++) state = model.run({ ...state }) as Record<string, View>
    expect({ ...state }).toEqual({ a: Float32Array.of(1, 2, 3, 4), b: Float32Array.of(5, 6, 7, 8) })
  })

  it('takes views of other kinds: bytes, pixels, a Buffer', () => {
    const zero = new Float32Array(4)
    for (const at of [10, 16, 23, 40, 60, 64, 70])
      for (const Kind of [Uint8Array, Uint8ClampedArray])
        expectAsCopies({ a: zero, b: zero, c: zero, u: new Kind(buffer, at, 16) })
    expectAsCopies({ a: zero, b: zero, c: zero, u: Buffer.from(buffer, 20, 16) })
    const half = new Float32Array(buffer, 16, 12).subarray(2, 6)
    expectAsCopies({ a: zero, b: half, c: half, u })
  })

  it.runIf(kind === 'plain')('copies nothing that no write goes over', () => {
    const { constructor } = Float32Array.prototype
    const made: unknown[] = []
    class Counted extends Float32Array {
      constructor(from: ArrayLike<number>) {
        super(from)
        made.push(from)
      }
    }
    const [outside, inside] = [new Float32Array(4), new Float32Array(buffer, 128, 4)]
    Object.defineProperty(Float32Array.prototype, 'constructor', { value: Counted, configurable: true })
    try {
      model.run({ a: inside, b: outside, c: inside, u })
      model.run({ a: new Float32Array(buffer, 20, 4), b: outside, c: model.inputs['c']!, u })
      expect(made).toEqual([])
      model.run({ a: outside, b: new Float32Array(buffer, 28, 4), c: inside, u })
      expect(made).toHaveLength(1)
    } finally {
      Object.defineProperty(Float32Array.prototype, 'constructor', { value: constructor, configurable: true })
    }
  })
})

describe('run on a model with state', () => {
  it('gives the same for outputs fed back as views and as copies', async () => {
    const recurrent = onnx({
      inputs: ['x f32[8]', 'a f32[8]', 'b f32[8]'],
      outputs: ['y f32[8]', 'a2 f32[8]', 'b2 f32[8]'],
      nodes: ['s = Add(x, a)', 'a2 = Tanh(s)', 't = Mul(a2, b)', 'b2 = Sigmoid(t)', 'y = Add(a2, b2)'],
    })
    const { modules, spec } = await compile(recurrent, { targets: ['simd'] })
    // Otherwise nothing would have to be kept.
    const ends = ({ address }: { address: number }) => [address, address + 32]
    const place = (ports: Spec['inputs'], name: string) => ends(ports.find((port) => port.name === name)!)
    expect(place(spec.outputs, 'b2')).toEqual(place(spec.inputs, 'x'))
    const chain = (copy: boolean) => {
      const instance = instantiate(new Uint8Array(modules.simd!), spec)
      let state = { a: new Float32Array(8).fill(0.5), b: new Float32Array(8).fill(2) } as Record<string, View>
      return Array.from({ length: 5 }, (_, step) => {
        const { y, a2, b2 } = instance.run({ x: new Float32Array(8).fill(step), ...state }, { copy })
        state = { a: a2 as View, b: b2 as View }
        return Array.from(y as Float32Array)
      })
    }
    expect(chain(false)).toEqual(chain(true))
  })
})

describe('run within run', () => {
  const model = instantiate(simd, spec)
  const again = () => void model.run({ ...inputs(), x: new Float32Array(6).fill(100) })
  const evil: [string, () => object, object?][] = [
    ['an input', () => ({ ...inputs(), get half() { return (again(), inputs().half) } })],
    ['an element', () => ({ ...inputs(), x: Object.defineProperty([1, 2, 3, 4, 5, 6], 3, { get: () => (again(), 0) }) })],
    ['a length', () => ({ ...inputs(), x: new Proxy([1, 2, 3, 4, 5, 6], { get: (array, key) => (again(), Reflect.get(array, key)) }) })],
    ['an option', inputs, { get copy() { return (again(), true) } }],
  ] // prettier-ignore

  it.each(evil)('is refused when %s calls it', (_, values, options) => {
    expect(() => model.run(values() as never, options)).toThrow(new TypeError('attar: run within run'))
    expect(model.run(inputs())).toEqual(outputs('simd'))
  })
})

describe('run on inputs of strings and truth values', () => {
  it('takes strings for labels, those that it knows and others, and nothing else', () => {
    const model = echoOf({ dtype: 'i32', shape: [2], labels: ['cat', 'dog'] })
    expect(model.run({ s: ['dog', 'cow'] })).toEqual({ y: Int32Array.of(1, -1) })
    expect(model.run({ s: Int32Array.of(1, 0) })).toEqual({ y: Int32Array.of(1, 0) })
    for (const s of [
      ['dog', 1],
      [['dog'], 'cat'],
      ['dog', null],
      ['dog', undefined],
      [new String('dog'), 'cat'],
    ])
      expect(() => model.run({ s: s as string[] }), String(s)).toThrow('input "s" (string[2]) takes no ')
    for (const s of ['ab', ['dog'], [['dog', 'cat']], { 0: 'dog', 1: 'cat', length: 2 }])
      expect(() => model.run({ s: s as string[] }), String(s)).toThrow('input "s" (string[2]) takes a Int32Array of 2')
  })

  it('takes booleans and 0 or 1 as truth values', () => {
    const model = echoOf({ dtype: 'bool', shape: [3] })
    expect(model.run({ s: [true, false, 1] })).toEqual({ y: Uint8Array.of(1, 0, 1) })
    for (const bad of ['true', null, -1, 0.5])
      expect(() => model.run({ s: [true, 0, bad] as number[] })).toThrow('takes no')
  })
})
