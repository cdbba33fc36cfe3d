import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { CompileError } from '../../compiler/core/diagnostics/diagnostic.ts'
import { tensorOf } from '../../compiler/core/tensor.ts'
import { compile } from '../../compiler/pipeline.ts'
import { model, node, stored } from '../onnx/build.ts'
import { Random } from '../support/random.ts'

/** FUZZ: how many mutations. FUZZ_SEED: the first seed. */
const count = Number(process.env['FUZZ'] ?? 300)
const first = Number(process.env['FUZZ_SEED'] ?? 1)

const weights = (name: string, shape: readonly number[]) =>
  stored(
    name,
    tensorOf(
      'f32',
      shape,
      Array.from({ length: shape.reduce((p, d) => p * d, 1) }, (_, i) => (i % 7) - 3),
    ),
  )
const shape = (name: string, values: readonly number[]) => stored(name, tensorOf('i64', [values.length], values))

/** Small models that between them go through most of the front end. */
const models: Readonly<Record<string, Uint8Array>> = {
  digits: readFileSync(new URL('../../examples/digits/digits.onnx', import.meta.url)),
  convolution: model({
    inputs: ['x f32[1,3,8,8]'],
    outputs: ['y f32[1,4,4,4]'],
    nodes: [
      node('c = Conv(x, w, b)', {
        name: 'conv',
        attributes: { kernel_shape: [3, 3], pads: [1, 1, 1, 1], strides: [1, 1] },
      }),
      'r = Relu(c)',
      node('y = MaxPool(r)', { attributes: { kernel_shape: [2, 2], strides: [2, 2] } }),
    ],
    initializers: [weights('w', [4, 3, 3, 3]), weights('b', [4])],
  }),
  shapes: model({
    inputs: ['x f32[2,3,4]', 'i i64[2]'],
    outputs: ['y', 'z', 'k', 's'],
    nodes: [
      'h = Shape(x)',
      'e = Expand(one, h)',
      'a = Add(x, e)',
      'r = Reshape(a, to)',
      node('t = Transpose(r)', { attributes: { perm: [1, 0] } }),
      'y = Slice(t, from, until)',
      node('z = Gather(x, i)', { attributes: { axis: 1 } }),
      node('k, n = TopK(r, two)', { attributes: { axis: 1 } }),
      node('p = Pad(r, pads)', { attributes: { mode: 'reflect' } }),
      node('u = Concat(p, p)', { attributes: { axis: 0 } }),
      'v = Tile(u, twice)',
      node('s = Softmax(v)', { attributes: { axis: -1 } }),
    ],
    initializers: [
      stored('one', tensorOf('f32', [1], [1])),
      shape('to', [6, -1]),
      shape('from', [0, 1]),
      shape('until', [2, 5]),
      shape('two', [2]),
      shape('pads', [1, 1, 1, 1]),
      shape('twice', [2, 3]),
    ],
  }),
  products: model({
    inputs: ['x f32[4,8]'],
    outputs: ['y', 'q'],
    nodes: [
      node('g = Gemm(x, w, b)', { attributes: { transB: 1, alpha: { float: 0.5 } } }),
      'n = LayerNormalization(g, b, b)',
      'm = MatMul(n, v)',
      node('e = Einsum(m, x)', { attributes: { equation: 'ij,ik->jk' } }),
      node('y = ReduceMean(e)', { attributes: { axes: [1], keepdims: 0 } }),
      'd, scale, zero = DynamicQuantizeLinear(m)',
      node('q = Cast(d)', { attributes: { to: 1 } }),
    ],
    initializers: [weights('w', [5, 8]), weights('b', [5]), weights('v', [5, 3])],
  }),
  recurrent: model({
    inputs: ['x f32[3,1,4]'],
    outputs: ['y'],
    nodes: [node('h, y = LSTM(x, w, r)', { attributes: { hidden_size: 2 } })],
    initializers: [weights('w', [1, 8, 4]), weights('r', [1, 8, 2])],
  }),
  branches: model({
    inputs: ['x f32[2]'],
    outputs: ['y', 'z'],
    nodes: [
      'c = Greater(x, x)',
      'y = Where(c, x, x)',
      node('l = ConstantOfShape(n)', { attributes: { value: { tensor: stored('', tensorOf('f32', [1], [2])) } } }),
      node('z = Resize(l, , scales)', { attributes: { mode: 'linear' } }),
    ],
    initializers: [shape('n', [1, 1, 2, 2]), stored('scales', tensorOf('f32', [4], [1, 1, 2, 2]))],
  }),
}

/** Values that lengths, dimensions and tags go wrong with. */
const nasty = [0, 1, 0x7f, 0x80, 0xff, 0x08, 0x0a, 0x12]

function mutate(bytes: Uint8Array, random: Random): Uint8Array {
  const result = Uint8Array.from(bytes)
  switch (random.int(5)) {
    case 0:
      for (let i = 0; i <= random.int(4); i++) result[random.int(result.length)]! ^= 1 << random.int(8)
      return result
    case 1:
      for (let i = 0; i <= random.int(3); i++)
        result[random.int(result.length)] = random.pick([...nasty, random.int(256)])
      return result
    case 2:
      return result.subarray(0, random.int(result.length))
    case 3: {
      const from = random.int(result.length)
      const length = random.int(Math.min(64, result.length - from)) + 1
      result.copyWithin(random.int(result.length - length), from, from + length)
      return result
    }
    default: {
      const at = random.int(result.length)
      const cut = random.pick([0, 1, random.int(32)])
      const insert = Array.from({ length: random.int(12) }, () => random.pick([...nasty, random.int(256)]))
      return Uint8Array.from([...result.subarray(0, at), ...insert, ...result.subarray(at + cut)])
    }
  }
}

/** Bindings of a model's symbolic dimensions. */
const dimsOf = (name: string): Record<string, number> => (name === 'digits' ? { batch: 1 } : {})

/** Compiles; a CompileError is an answer, everything else is thrown on. */
async function answer(bytes: Uint8Array, dims: Readonly<Record<string, number>> = {}): Promise<'compiled' | 'refused'> {
  try {
    const { modules } = await compile(bytes, { targets: ['simd'], dims })
    expect(WebAssembly.validate(modules.simd as BufferSource)).toBe(true)
    return 'compiled'
  } catch (error) {
    if (error instanceof CompileError) return 'refused'
    throw error
  }
}

describe('mutated models', () => {
  it.each(Object.keys(models))('%s compiles unmutated', async (name) => {
    const { modules } = await compile(models[name]!, { targets: ['simd'], dims: dimsOf(name) })
    expect(WebAssembly.validate(modules.simd as BufferSource)).toBe(true)
  })

  const names = Object.keys(models)
  const share = Math.ceil(count / names.length)
  it.each(names)('%s compiles or is refused', async (name) => {
    const answers = { compiled: 0, refused: 0 }
    for (let i = 0; i < share; i++) {
      const seed = first + i
      try {
        answers[await answer(mutate(models[name]!, new Random(seed)), dimsOf(name))]++
      } catch (error) {
        throw new Error(`${name}, seed ${seed}: ${String(error)}`, { cause: error })
      }
    }
    if (share >= 50) expect(Math.min(answers.compiled, answers.refused)).toBeGreaterThan(0)
  })

  it.each([
    [[]],
    [[0]],
    [[0x0a]],
    [[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]],
    [[0x3a, 0xff, 0xff, 0xff, 0xff, 0x0f]],
  ])('bytes %j are refused', async (bytes) => {
    expect(await answer(Uint8Array.from(bytes))).toBe('refused')
  })
})
