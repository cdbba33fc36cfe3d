import { afterAll, describe, expect, it } from 'vitest'
import {
  compile,
  evaluate,
  importEach,
  quantizeEach,
  type Compiled,
  type CompileOptions,
  type Imported,
  type Tensor,
} from '../../compiler/index.ts'
import { evaluator } from '../../compiler/core/executor.ts'
import { bytesOf, tensorOf } from '../../compiler/core/tensor.ts'
import { modulePlaces } from '../../compiler/verify/module-engine.ts'
import { model, node, stored } from '../onnx/build.ts'
import { Random } from '../support/random.ts'
import { expectClose, randomTensor } from '../support/run-graph.ts'

const random = new Random(4)
const weights = (name: string, shape: number[]) => stored(name, randomTensor(random, 'f32', shape))

/** Convolutions of any size of picture, a mean, and a product. */
const pictures = model({
  inputs: ['x f32[n,3,h,w]'],
  outputs: ['y f32[n,10]'],
  nodes: [
    node('a = Conv(x, v, b)', { attributes: { pads: [1, 1, 1, 1] } }),
    'r = Relu(a)',
    node('c = Conv(r, w)', { attributes: { pads: [1, 1, 1, 1] } }),
    'd = Relu(c)',
    'm = GlobalAveragePool(d)',
    'f = Flatten(m)',
    'y = MatMul(f, u)',
  ],
  initializers: [weights('v', [16, 3, 3, 3]), weights('b', [16]), weights('w', [24, 16, 3, 3]), weights('u', [24, 10])],
})
const sizes = [
  [1, 3, 8, 8],
  [1, 3, 33, 20],
  [3, 3, 8, 8],
]

const places = modulePlaces()
afterAll(() => places.close())

const inputsOf = ({ spec }: Compiled, at: number): Record<string, Tensor> => {
  const drawn = new Random(at)
  return Object.fromEntries(
    (spec.signatures?.[at] ?? spec).inputs.map(({ name, dtype, shape }) => [name, randomTensor(drawn, dtype, shape)]),
  )
}

/** Both modules of `several` give at each shape, in an order that mixes them, what the modules for that shape alone give, to the bit. */
async function expectAlike(several: Compiled, singles: readonly Compiled[]): Promise<void> {
  const runners = places.runners(several.modules, several.spec)
  expect(runners.length).toBe(places.relaxed ? 2 : 1)
  const order = [...singles.keys(), ...[...singles.keys()].reverse()]
  const found = []
  for (const at of order) found.push(await Promise.all(runners.map((runner) => runner.run(inputsOf(several, at)))))
  for (const [i, at] of order.entries()) {
    const alone = places.runners(singles[at]!.modules, singles[at]!.spec)
    for (const [r, runner] of alone.entries()) {
      const expected = await runner.run(inputsOf(several, at))
      for (const [name, tensor] of Object.entries(expected)) {
        const own = found[i]![r]![name]!
        expect(own.shape).toEqual(tensor.shape)
        expect(Buffer.compare(bytesOf(own), bytesOf(tensor)), `${name} at ${at}`).toBe(0)
      }
    }
  }
}

const each = (
  source: Uint8Array,
  signatures: NonNullable<CompileOptions['signatures']>,
  options: CompileOptions = {},
) => Promise.all(importEach(source, { ...options, signatures }).map((imported) => compile(imported, options)))

const codesOf = async (compiling: Promise<unknown>): Promise<string[]> => {
  const error = (await compiling.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )) as { diagnostics: { code: string; message: string }[] }
  return error.diagnostics.map(({ code, message }) => `${code} ${message}`)
}

describe('one module for several shapes', () => {
  const signatures = sizes.map((x) => ({ shapes: { x } }))

  it('gives what modules for each give, has weights once, and the memory of the largest', async () => {
    const several = await compile(pictures, { signatures })
    const singles = await each(pictures, signatures)
    await expectAlike(several, singles)
    const { report, modules, spec } = several
    expect(report.weights).toBe(Math.max(...singles.map((single) => single.report.weights)))
    expect(report.arena).toBe(Math.max(...singles.map((single) => single.report.arena)))
    expect(report.memory).toBe(Math.max(...singles.map((single) => single.report.memory)))
    expect(report.signatures!.map(({ macs, arena }) => [macs, arena])).toEqual(
      singles.map((single) => [single.report.macs, single.report.arena]),
    )
    // All further shapes are code alone.
    expect(
      report.signatures!.slice(1).flatMap(({ kernels }) => kernels.filter((kernel) => kernel.weights > 0)),
    ).toEqual([])
    expect(spec.signatures!.map(({ inputs }) => inputs[0]!.shape)).toEqual(sizes)
    const all = singles.reduce((sum, single) => sum + single.modules.simd!.length, 0)
    expect(modules.simd!.length).toBeLessThan(all - 2 * report.weights)
  })

  it('is the same for the same input, and one shape is what it is alone', async () => {
    const once = await compile(pictures, { signatures, targets: ['simd'] })
    const again = await compile(importEach(pictures, { signatures }), { targets: ['simd'] })
    expect(Buffer.compare(once.modules.simd!, again.modules.simd!)).toBe(0)
    const [alone] = await each(pictures, signatures.slice(0, 1), { targets: ['simd'] })
    const one = await compile(pictures, { signatures: signatures.slice(0, 1), targets: ['simd'] })
    expect(Buffer.compare(one.modules.simd!, alone!.modules.simd!)).toBe(0)
    expect(one.spec.signatures).toBeUndefined()
  })

  it('fills once when it starts what products of several shapes read both ways round', async () => {
    const table = randomTensor(random, 'f32', [203, 20])
    const tied = model({
      inputs: ['x f32[n,203]'],
      outputs: ['y f32[n,203]'],
      nodes: ['a = MatMul(x, t)', 'b = Tanh(a)', node('c = Transpose(t)'), 'y = MatMul(b, c)'],
      initializers: [stored('t', table)],
    })
    const signatures = [3, 5].map((n) => ({ dims: { n } }))
    const several = await compile(tied, { signatures })
    const singles = await each(tied, signatures)
    expect(singles[0]!.report.prepared).toBeGreaterThan(0)
    expect(several.report.prepared).toBe(singles[0]!.report.prepared)
    await expectAlike(several, singles)
  })
})

describe('states of a module for several shapes', () => {
  /** The sum of all that was seen, and of each frame. */
  const sums = model({
    inputs: ['x f32[1,n]', 'h f32[1,1]'],
    outputs: ['y f32[1,n]', 'hn f32[1,1]'],
    nodes: [node('s = ReduceSum(x)', { attributes: { keepdims: 1 } }), 'hn = Add(s, h)', 'y = Add(x, h)'],
  })

  it('go from a run at one shape to a run at another', async () => {
    const state = { h: 'hn' }
    const compiled = await compile(sums, { state, signatures: [{ dims: { n: 2 } }, { dims: { n: 3 } }] })
    for (const runner of places.runners(compiled.modules, compiled.spec)) {
      await runner.begin!({ h: tensorOf('f32', [1, 1], [10]) })
      const seen: number[][] = []
      for (const x of [
        [1, 2],
        [1, 2, 3],
        [4, 5],
        [0, 0, 0],
      ]) {
        const { y, hn } = await runner.run({ x: tensorOf('f32', [1, x.length], x) })
        seen.push([...y!.data, ...hn!.data].map(Number))
      }
      // Of a fresh memory the first run is done twice, from the same states.
      expect(seen).toEqual([
        [11, 12, 13],
        [14, 15, 16, 19],
        [23, 24, 28],
        [28, 28, 28, 28],
      ])
    }
  })

  it('stand once, and may not differ', async () => {
    const several = await compile(sums, { state: { h: 'hn' }, signatures: [{ dims: { n: 2 } }, { dims: { n: 3 } }] })
    expect(several.report.state).toBe(16)
    const wide = model({ inputs: ['x f32[n,2]', 'h f32[n,2]'], outputs: ['hn f32[n,2]'], nodes: ['hn = Add(x, h)'] })
    const wrong = compile(wide, { state: { h: 'hn' }, signatures: [{ dims: { n: 1 } }, { dims: { n: 4 } }] })
    expect(await codesOf(wrong)).toEqual(['A106 the state "h" is f32[1,2] at one shape and f32[4,2] at another'])
  })
})

describe('shapes that cannot stand in one module', () => {
  const [, , ...rest] = sizes
  it('are those that no length tells apart', async () => {
    const signatures = [[1, 3, 4, 8], [1, 3, 8, 4], ...rest].map((x) => ({ shapes: { x } }))
    expect(await codesOf(compile(pictures, { signatures }))).toEqual([
      'A106 the shapes x f32[1,3,4,8] and x f32[1,3,8,4] have inputs of the same lengths',
    ])
    expect(await codesOf(compile(pictures, { signatures: [] }))).toEqual([
      'A106 there is no shape among the signatures',
    ])
    expect(await codesOf(compile([] as Imported[]))).toEqual(['A106 there is no model'])
  })

  it('are those of other models, and those that scripts make inputs for', async () => {
    const other = model({ inputs: ['z f32[2]'], outputs: ['y f32[2]'], nodes: ['y = Neg(z)'] })
    const [a, b] = [pictures, other].map(
      (bytes) => importEach(bytes, { shapes: bytes === other ? {} : { x: sizes[0]! } })[0]!,
    )
    expect(await codesOf(compile([a!, b!]))).toEqual(['A106 the inputs and outputs of the graphs are not the same'])
    const signatures = sizes.map((x) => ({ shapes: { x } }))
    expect(await codesOf(compile(pictures, { signatures, sound: { input: 'x', rate: 8000 } }))).toEqual([
      'A106 a script makes inputs of sound for one shape, not for 3',
    ])
  })
})

describe('weights that suit few rows and many in forms of their own', () => {
  const layer = (zeros: boolean) => {
    const { data } = randomTensor(random, 'f32', [128, 96])
    const w = tensorOf(
      'f32',
      [128, 96],
      [...data].map((x, i) => (zeros && Math.floor(i / 4) % 9 > 0 ? 0 : Number(x))),
    )
    return model({
      inputs: ['x f32[n,128]'],
      outputs: ['y f32[n,96]'],
      nodes: ['y = MatMul(x, w)'],
      initializers: [stored('w', w)],
    })
  }
  const signatures = [{ dims: { n: 1 } }, { dims: { n: 24 } }]

  it.each(['weights', 'int8', 'zeros', 'zeros in int8'] as const)('stand in one: %s', async (kind) => {
    const imported = importEach(layer(kind.startsWith('zeros')), { signatures })
    const calibration = [1, 2, 3].map(() => ({ x: randomTensor(random, 'f32', [1, 128]) }))
    const mode = kind === 'weights' ? 'weights' : 'int8'
    const models =
      kind === 'zeros' ? imported : await quantizeEach(imported, { mode, calibration, executor: evaluator })
    const options = { sparse: kind === 'zeros in int8' ? 'size' : 'speed' } as const
    const several = await compile(models, options)
    const singles = await Promise.all(models.map((one) => compile(one, options)))
    // What the sums start from, and scales in blocks of another width.
    expect(several.report.weights).toBeLessThan(singles[1]!.report.weights + 1024)
    expect(singles[1]!.report.kernels.some(({ skippedMacs }) => skippedMacs)).toBe(kind.startsWith('zeros'))
    // The order of sums is that of the largest shape's kernel; integers have none.
    if (kind.endsWith('int8')) return expectAlike(several, singles)
    for (const { run } of places.runners(several.modules, several.spec)) {
      for (const [at, { graph }] of models.entries()) {
        const inputs = inputsOf(several, at)
        expectClose((await run(inputs))['y']!, evaluate(graph, inputs)['y']!, 1e-4)
      }
    }
  })

  it.each([8, 4] as const)('stand in one with the lookups in them: %i bits', async (bits) => {
    const tied = model({
      inputs: ['ids i64[1,n]'],
      outputs: ['y f32[1,n,203]'],
      nodes: ['x = Gather(t, ids)', 'h = Tanh(x)', node('w = Transpose(t)'), 'y = MatMul(h, w)'],
      initializers: [weights('t', [203, 44])],
    })
    const imported = importEach(tied, { signatures })
    const models = await quantizeEach(imported, { mode: 'weights', bits, calibration: [], executor: evaluator })
    const several = await compile(models)
    const singles = await Promise.all(models.map((one) => compile(one)))
    expect(several.report.weights).toBeLessThan(singles[1]!.report.weights + 64)
    for (const { run } of places.runners(several.modules, several.spec)) {
      for (const [at, { graph }] of models.entries()) {
        const inputs = inputsOf(several, at)
        expectClose((await run(inputs))['y']!, evaluate(graph, inputs)['y']!, 1e-4)
      }
    }
  })
})
