import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { tensorOf, type Tensor } from '../../compiler/core/tensor.ts'
import {
  findCases,
  moduleEngine,
  modulePlaces,
  referenceEngine,
  runCase,
  type CaseResult,
} from '../../compiler/verify/index.ts'
import { model, node, stored } from '../onnx/build.ts'
import { writeCase, type DataSet } from './case-folder.ts'

let root: string
beforeEach(() => void (root = mkdtempSync(join(tmpdir(), 'attar-'))))
afterEach(() => rmSync(root, { recursive: true }))

const f32 = (shape: number[], ...values: number[]): Tensor => tensorOf('f32', shape, values)
const i64 = (...values: number[]): Tensor => tensorOf('i64', [values.length], values)

const relu = model({ inputs: ['x f32[N]'], outputs: ['y f32[N]'], nodes: ['y = Relu(x)'] })
const good: DataSet = { inputs: [f32([3], -1, 0, 2)], outputs: [f32([3], 0, 0, 2)] }

function judge(bytes: Uint8Array, sets: readonly DataSet[], meta?: object): Promise<CaseResult> {
  const folder = join(root, 'case')
  writeCase(folder, bytes, sets, meta)
  return runCase({ name: 'case', folder }, referenceEngine)
}

describe('findCases', () => {
  it('finds folders with a model and data, by name, and filters them', () => {
    for (const name of ['b', 'a/test_relu', 'a/test_abs']) writeCase(join(root, name), relu, [good])
    mkdirSync(join(root, 'no-data'))
    writeFileSync(join(root, 'no-data/model.onnx'), relu)
    const names = (filter?: string): string[] => findCases(root, filter).map(({ name }) => name)
    expect(names()).toEqual(['a/test_abs', 'a/test_relu', 'b'])
    expect(names('*relu')).toEqual(['a/test_relu'])
    expect(names('a/*')).toEqual(['a/test_abs', 'a/test_relu'])
    expect(findCases(join(root, 'b')).map(({ name }) => name)).toEqual(['b'])
    expect(() => findCases(join(root, 'none'))).toThrow(/A502/)
  })
})

describe('runCase', () => {
  it('passes what agrees', async () => {
    expect(await judge(relu, [good])).toEqual({ case: 'case', status: 'pass', maxAbs: 0, maxRel: 0, bound: [] })
  })

  it('takes the type that is inferred where the model declares none for an output', async () => {
    const untyped = model({ inputs: ['x f32[N]'], outputs: ['y'], nodes: ['y = Relu(x)'] })
    expect(await judge(untyped, [good])).toMatchObject({ status: 'pass' })
  })

  it('fails what differs, in any data set', async () => {
    const bad = { inputs: [f32([1], 2)], outputs: [f32([1], 2.5)] }
    expect(await judge(relu, [good, bad])).toMatchObject({
      status: 'fail',
      code: 'mismatch',
      maxAbs: 0.5,
      maxRel: 0.2,
      message: 'reference, test_data_set_1: output "y" is 2 at [0], expected 2.5',
    })
  })

  it('heeds the tolerances of meta.json', async () => {
    const set = { inputs: [f32([1], 2)], outputs: [f32([1], 2.5)] }
    expect(await judge(relu, [set], { rtol: 0, atol: 0.5 })).toMatchObject({ status: 'pass' })
  })

  it('compiles once for each distinct shape', async () => {
    let compiled = 0
    const engine: typeof referenceEngine = {
      prepare: (bytes, options) => {
        compiled++
        return referenceEngine.prepare(bytes, options)
      },
    }
    const longer = { inputs: [f32([4], 1, 2, 3, 4)], outputs: [f32([4], 1, 2, 3, 4)] }
    writeCase(join(root, 'case'), relu, [good, longer, good])
    expect(await runCase({ name: 'case', folder: join(root, 'case') }, engine)).toMatchObject({ status: 'pass' })
    expect(compiled).toBe(2)
  })

  it('binds what only shape arithmetic uses, and says so', async () => {
    const reshape = model({
      inputs: ['x f32[2,3]', 'shape i64[2]'],
      outputs: ['y f32[a,b]'],
      nodes: ['t = Neg(x)', 'y = Reshape(t, shape)'],
    })
    const set = (a: number, b: number): DataSet => ({
      inputs: [f32([2, 3], 1, 2, 3, 4, 5, 6), i64(a, b)],
      outputs: [f32([a, b], -1, -2, -3, -4, -5, -6)],
    })
    expect(await judge(reshape, [set(3, 2), set(6, 1)])).toMatchObject({ status: 'pass', bound: ['shape'] })
  })

  it('sets dimensions that meta.json names, and passes over those the model does not have', async () => {
    expect(await judge(relu, [good], { dims: { N: 3, M: 7 } })).toMatchObject({ status: 'pass' })
    rmSync(join(root, 'case'), { recursive: true })
    expect(await judge(relu, [good], { dims: { N: 4 } })).toMatchObject({ status: 'fail', code: 'A106' })
  })

  it('chains state from one data set to the next', async () => {
    const counter = model({
      inputs: ['x f32[1]', 'state f32[1]'],
      outputs: ['y f32[1]', 'stateN f32[1]'],
      nodes: ['stateN = Add(x, state)', 'y = Neg(stateN)'],
    })
    const set = (x: number, state: number, sum: number): DataSet => ({
      inputs: [f32([1], x), f32([1], state)],
      outputs: [f32([1], -sum), f32([1], sum)],
    })
    // The second set's own state is wrong, so it passes only by the first one's.
    const sets = [set(1, 10, 11), set(2, 999, 13), set(4, 999, 17)]
    expect(await judge(counter, sets, { state: { stateN: 'state' } })).toMatchObject({ status: 'pass' })
    rmSync(join(root, 'case'), { recursive: true })
    expect(await judge(counter, sets)).toMatchObject({ status: 'fail', code: 'mismatch' })
  })

  it('tells what attar cannot do from what went wrong', async () => {
    const custom = node('y = Relu(x)', { domain: 'com.example' })
    const unknown = model({ inputs: ['x f32[3]'], outputs: ['y f32[3]'], nodes: [custom] })
    expect(await judge(unknown, [good])).toMatchObject({
      status: 'unsupported',
      code: 'A201',
      maxAbs: null,
      message: expect.stringContaining('com.example.Relu'),
    })
    const wrong: [Uint8Array, DataSet[], string][] = [
      [new Uint8Array([1, 2, 3]), [good], 'A101'],
      [model({ inputs: ['x f32[2]'], outputs: ['y f32[2]'], nodes: ['y = Relu(x)'] }), [good], 'A106'],
    ]
    for (const [bytes, sets, code] of wrong) {
      rmSync(join(root, 'case'), { recursive: true })
      expect(await judge(bytes, sets)).toMatchObject({ status: 'fail', code })
    }
  })

  it('reports a crash as a failure', async () => {
    writeCase(join(root, 'case'), relu, [good])
    const crash = { prepare: () => Promise.reject(new RangeError('boom')) }
    expect(await runCase({ name: 'case', folder: join(root, 'case') }, crash)).toMatchObject({
      status: 'fail',
      code: 'crash',
      message: 'boom',
    })
  })

  it('survives damaged data and meta.json', async () => {
    writeCase(join(root, 'case'), relu, [good])
    writeFileSync(join(root, 'case/test_data_set_0/input_0.pb'), 'garbage')
    const run = (): Promise<CaseResult> => runCase({ name: 'case', folder: join(root, 'case') }, referenceEngine)
    expect(await run()).toMatchObject({ status: 'fail', code: expect.stringMatching(/^A/) })
    for (const meta of ['{', '[]', '{"dims":{"N":"x"}}', '{"atol":-1}', '{"state":{"a":1}}']) {
      writeFileSync(join(root, 'case/meta.json'), meta)
      expect(await run(), meta).toMatchObject({ status: 'fail', code: 'A502' })
    }
  })
})

describe('modules', () => {
  it('run in both variants, where an engine for relaxed SIMD is installed, and carry their own state', async () => {
    const counter = model({
      inputs: ['x f32[N]', 'state f32[N]'],
      outputs: ['stateN f32[N]'],
      nodes: ['stateN = Add(x, state)'],
    })
    const set = (x: number, sum: number): DataSet => ({ inputs: [f32([1], x), f32([1], 0)], outputs: [f32([1], sum)] })
    writeCase(join(root, 'case'), counter, [set(1, 1), set(2, 3)], { state: { stateN: 'state' } })
    const places = modulePlaces()
    const variants: string[] = []
    const engine = moduleEngine(places)
    try {
      const result = await runCase(
        { name: 'case', folder: join(root, 'case') },
        {
          prepare: async (bytes, options) => {
            expect(options.state).toEqual({ state: 'stateN' })
            const runners = await engine.prepare(bytes, options)
            expect(runners.every(({ begin }) => begin !== undefined)).toBe(true)
            variants.push(...runners.map(({ variant }) => variant))
            return runners
          },
        },
      )
      expect(result).toMatchObject({ status: 'pass' })
      expect(variants).toEqual(places.relaxed ? ['simd', 'relaxed-simd'] : ['simd'])
    } finally {
      places.close()
    }
  })

  it('start with what the first set has for states, and give those to the next module where shapes change', async () => {
    const counter = model({
      inputs: ['x f32[N]', 'state f32[1]'],
      outputs: ['y f32[N]', 'stateN f32[1]'],
      nodes: ['s = ReduceSum(x)', 'one = Reshape(s, shape)', 'stateN = Add(one, state)', 'y = Mul(x, state)'],
      initializers: [stored('shape', i64(1))],
    })
    const set = (x: number[], state: number, sum: number): DataSet => ({
      inputs: [f32([x.length], ...x), f32([1], state)],
      outputs: [f32([x.length], ...x.map((v) => v * state)), f32([1], sum)],
    })
    const sets = [set([1, 2], 10, 13), set([4, 5], 13, 22), set([1], 22, 23), set([2, 2], 23, 27)]
    writeCase(join(root, 'case'), counter, sets, { state: { stateN: 'state' } })
    const places = modulePlaces()
    try {
      const judged = (): Promise<CaseResult> =>
        runCase({ name: 'case', folder: join(root, 'case') }, moduleEngine(places))
      expect(await judged()).toMatchObject({ status: 'pass' })
      writeFileSync(join(root, 'case/meta.json'), '{"state":{"y":"state"}}')
      expect(await judged()).toMatchObject({ status: 'fail', code: 'A106' })
    } finally {
      places.close()
    }
  })
})
