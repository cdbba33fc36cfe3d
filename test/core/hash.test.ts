import { expect, it } from 'vitest'
import { hash } from '../../compiler/core/bytes/hash.ts'
import { tensorOf } from '../../compiler/core/tensor.ts'
import { compile, importModel, instantiate } from '../../compiler/index.ts'
import { model, stored } from '../onnx/build.ts'

const text = (content: string) => new TextEncoder().encode(content)

it('is MurmurHash3_x86_32 with seed 0 and another', () => {
  const known = { '': 0, hello: 0x248bfa47, 'hello, world': 0x149bbb7f }
  for (const [content, value] of Object.entries(known))
    expect(hash([text(content)])).toMatch(new RegExp(`^${value.toString(16).padStart(8, '0')}[0-9a-f]{8}$`))
  expect(hash([text('The quick brown fox jumps over the lazy dog')]).slice(0, 8)).toBe('2e4ff723')
  // At any alignment.
  expect(hash([text('.hello').subarray(1)])).toBe(hash([text('hello')]))
})

it('tells apart every byte and where one chunk ends', () => {
  const bytes = Uint8Array.from({ length: 67 }, (_, i) => i)
  const others = Array.from(bytes, (value, i) => hash([bytes.with(i, value ^ 128)]))
  const cuts = Array.from(bytes, (_, i) => hash([bytes.subarray(0, i), bytes.subarray(i)]))
  expect(new Set([...others, ...cuts, hash([bytes])]).size).toBe(67 * 2 + 1)
})

const network = (op: string, weight: number, metadata: Record<string, string> = {}) => {
  const bytes = model({
    inputs: ['x f32[1,4]'],
    outputs: ['y f32[1,4]'],
    nodes: ['h = MatMul(x, w)', `y = ${op}(h)`],
    initializers: [stored('w', tensorOf('f32', [4, 4], new Array<number>(16).fill(weight)))],
  })
  return compile({ ...importModel(bytes), metadata })
}

it('stands in a specification, the same for both modules and for the same model alone', async () => {
  const first = await network('Sigmoid', 1)
  expect((await network('Sigmoid', 1)).spec).toEqual(first.spec)
  const others = [await network('Sigmoid', 2), await network('Tanh', 1), await network('Sigmoid', 1, { a: 'b' })]
  for (const { spec, modules } of others) {
    expect({ ...spec, hash: '', metadata: {} }).toEqual({ ...first.spec, hash: '' })
    // Parts of a set that was only half replaced, either way.
    expect(() => instantiate(new Uint8Array(modules.simd!), first.spec)).toThrow('another compilation')
    expect(() => instantiate(new Uint8Array(first.modules.simd!), spec)).toThrow('another compilation')
  }
  expect(new Set([first, ...others].map(({ spec }) => spec.hash)).size).toBe(4)
})
