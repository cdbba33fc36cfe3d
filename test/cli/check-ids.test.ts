import { writeFileSync } from 'node:fs'
import { beforeAll, describe, expect, it } from 'vitest'
import { tensorOf } from '../../compiler/core/tensor.ts'
import { writeNpy, writeNpz } from '../../compiler/data/index.ts'
import { importModel } from '../../compiler/index.ts'
import { model, node, stored, type GraphText } from '../onnx/build.ts'
import { commandLine } from '../support/command-line.ts'

const floats = (shape: number[]) =>
  tensorOf(
    'f32',
    shape,
    Array.from({ length: shape.reduce((n, d) => n * d, 1) }, (_, i) => Math.sin(i)),
  )
const table = stored('table', floats([10, 8]))
const longer = stored('longer', floats([16, 8]))
const ints = (values: number[]) => tensorOf('i64', [values.length], values.map(BigInt))

const rangesOf = (text: Omit<GraphText, 'outputs'>) => {
  const { names } = importModel(model({ outputs: ['y'], initializers: [table, longer], ...text }))
  return Object.fromEntries(Object.entries(names.inputs).map(([name, { range }]) => [name, range]))
}

describe('inputs that are looked up in tables', () => {
  it('are found through types and shapes, with negative places', () => {
    expect(rangesOf({ inputs: ['x i64[2,3]'], nodes: ['y = Gather(table, x)'] })).toEqual({ x: [-10, 9] })
    const cast = node('a = Cast(x)', { attributes: { to: 6 } })
    const turned = node('b = Transpose(a)', { attributes: { perm: [1, 0] } })
    const along = node('y = Gather(table, b)', { attributes: { axis: 1 } })
    expect(rangesOf({ inputs: ['x i64[2,3]'], nodes: [cast, turned, along] })).toEqual({ x: [-8, 7] })
    const elements = node('y = GatherElements(table, x)', { attributes: { axis: 0 } })
    expect(rangesOf({ inputs: ['x i64[2,8]'], nodes: [elements] })).toEqual({ x: [-10, 9] })
  })

  it('have the range of the smallest table, each of several inputs its own', () => {
    const nodes = [
      'a = Gather(longer, x)',
      'b = Gather(table, x)',
      'c = Gather(longer, z)',
      'd = Add(a, b)',
      'y = Add(c, d)',
    ]
    expect(rangesOf({ inputs: ['x i32[3]', 'z i64[3]', 'u i64[3]'], nodes })).toEqual({
      ...{ x: [-10, 9], z: [-16, 15], u: undefined },
    })
    const joined = [node('a = Concat(x, z)', { attributes: { axis: 0 } }), 'y = Gather(table, a)']
    expect(rangesOf({ inputs: ['x i64[3]', 'z i64[1]'], nodes: joined })).toEqual({ x: [-10, 9], z: [-10, 9] })
  })

  it('are not those that are clamped, computed with or taken in part', () => {
    const bounds = [stored('low', tensorOf('i64', [], [0n])), stored('high', tensorOf('i64', [], [9n]))]
    const two = stored('two', tensorOf('i64', [], [2n]))
    const initializers = [table, ...bounds, two, stored('none', tensorOf('i64', [], [-100n]))]
    for (const nodes of [
      ['a = Clip(x, low, high)', 'y = Gather(table, a)'],
      ['a = Div(x, two)', 'y = Gather(table, a)'],
      ['a = Equal(x, none)', 'b = Where(a, low, x)', 'y = Gather(table, b)'],
      [node('a, b = Split(x)', { attributes: { axis: 0 } }), 'y = Gather(table, a)'],
    ]) {
      expect(rangesOf({ inputs: ['x i64[4]'], nodes, initializers })).toEqual({ x: undefined })
    }
  })
})

const { at, out, err, attar } = commandLine()

beforeAll(async () => {
  const text = {
    inputs: ['ids i64[3]'],
    outputs: ['y f32[3,4]'],
    nodes: ['a = Gather(table, ids)', 'y = MatMul(a, w)'],
    initializers: [table, stored('w', floats([8, 4]))],
  }
  writeFileSync(at('m.onnx'), model(text))
  writeFileSync(at('plain.onnx'), model({ ...text, inputs: ['a f32[3,8]'], nodes: ['y = MatMul(a, w)'] }))
  writeFileSync(at('good.npy'), writeNpy(ints([-10, 0, 9])))
  writeFileSync(at('bad.npy'), writeNpy(ints([0, 10, 0])))
  const rows = Array.from({ length: 12 }, (_, i) => i % 10)
  writeFileSync(at('good.npz'), writeNpz({ ids: ints(rows) }))
  writeFileSync(at('bad.npz'), writeNpz({ ids: ints(rows.with(7, -11)) }))
  expect(await attar('compile', at('m.onnx'), '-o', at('out'))).toBe(0)
  expect(await attar('compile', at('plain.onnx'), '-o', at('plain'))).toBe(0)
})

describe('--check-ids', () => {
  it('refuses places outside of the table in run, which else takes the nearest', async () => {
    const run = (file: string, ...more: string[]) =>
      attar('run', at('out/model.wasm'), '--input', `ids=${at(file)}`, ...more)
    expect(await run('good.npy', '--check-ids')).toBe(0)
    expect(await run('bad.npy')).toBe(0)
    expect(await run('bad.npy', '--check-ids')).toBe(2)
    expect(err.join('\n')).toMatch(
      /A504[^]*the inputs: input "ids" has 10 at \[1\], outside of its table\n[^]*-10 to 9/,
    )
  })

  it('looks at all samples of verify', async () => {
    const verify = (...args: string[]) => attar('verify', at('m.onnx'), at('out'), '--check-ids', ...args)
    expect(await verify()).toBe(0)
    expect(await verify('--val', at('good.npz'))).toBe(0)
    expect(await verify('--val', at('bad.npz'))).toBe(2)
    expect(err.join('\n')).toMatch(/bad.npz", sample 3: input "ids" has -11 at \[1\]/)
  })

  it('looks at the data that is calibrated and measured on', async () => {
    const quantize = (calib: string, val: string, folder: string) => {
      const data = ['--calib', at(calib), '--val', at(val), '--check-ids']
      return attar('compile', at('m.onnx'), '-o', at(folder), '--quantize', 'weights', ...data)
    }
    expect(await quantize('good.npz', 'good.npz', 'small')).toBe(0)
    expect(await attar('run', at('small/model.wasm'), '--input', 'ids=0,9,10', '--check-ids')).toBe(2)
    expect(await quantize('bad.npz', 'good.npz', 'no')).toBe(2)
    expect(await quantize('good.npz', 'bad.npz', 'no')).toBe(2)
    expect(err.join('\n')).toMatch(
      /ids" has 10 at \[2\][^]*--calib, sample \d: input "ids" has -11 [^]*--val, sample 3: input "ids" has -11 /,
    )
  })

  it('is refused where nothing is looked up', async () => {
    expect(await attar('run', at('plain/model.wasm'), '--input', 'a=random', '--check-ids')).toBe(2)
    expect(await attar('verify', at('plain.onnx'), at('plain'), '--check-ids')).toBe(2)
    expect(err.join('\n')).toMatch(/no input of the model is known[^]*no input of the model is known/)
  })

  it('leaves its range in the specification and the types', async () => {
    expect(await attar('inspect', at('out/model.wasm'), '--json')).toBe(0)
    expect(JSON.parse(out.join(''))).toMatchObject({ spec: { inputs: [{ name: 'ids', range: [-10, 9] }] } })
  })
})
