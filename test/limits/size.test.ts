import { describe, expect, it } from 'vitest'
import { tensorOf } from '../../compiler/core/tensor.ts'
import { compile } from '../../compiler/pipeline.ts'
import { observePrograms } from '../../compiler/schedule/program/observe.ts'
import { planMemory } from '../../compiler/schedule/memory/plan.ts'
import type { Buffer, NestKernel, Program } from '../../compiler/schedule/program/program.ts'
import { arg } from '../../compiler/core/scalar/expr.ts'
import { model, node, stored, type GraphText } from '../onnx/build.ts'
import { runModule } from '../support/run-graph.ts'

// Verifying five times what was compiled once would take longer than all else here.
observePrograms(undefined)

/** Nodes of each model: the stack has no room for as many calls within one another. */
const many = 16_000

const list = <T>(length: number, of: (i: number) => T): T[] => Array.from({ length }, (_, i) => of(i))
const names = (prefix: string, count: number): string[] => list(count, (i) => `${prefix}${i}`)
const identity = stored(
  'w',
  tensorOf(
    'f32',
    [4, 4],
    list(16, (i) => (i % 5 === 0 ? 1 : 0)),
  ),
)
const random = (length: number): number[] => list(length, (i) => ((i * 7919) % 1000) / 8 - 60)

async function compiled(text: GraphText) {
  const { modules, spec, report } = await compile(model(text), { targets: ['simd'] })
  const wasm = modules.simd!
  const run = (x: readonly number[]): Record<string, readonly number[]> => {
    const [port] = spec.inputs
    const results = runModule(wasm, spec, { x: tensorOf('f32', port!.shape, x) })
    return Object.fromEntries(Object.entries(results).map(([name, { data }]) => [name, [...data].map(Number)]))
  }
  return { report, bytes: wasm.length, run }
}

describe('models of many nodes compile', () => {
  it('one after another, element by element', async () => {
    const nodes = list(many, (i) => node(`y${i + 1} = ${['Add', 'Sub'][(i >> 3) % 2]}(y${i}, z${i % 8})`))
    const first = [node('y0 = Identity(x)'), ...list(8, (i) => node(`z${i} = Slice(x, s${i}, e${i})`))]
    const at = (name: string, value: number) => stored(name, tensorOf('i64', [1], [BigInt(value)]))
    const initializers = list(8, (i) => [at(`s${i}`, i), at(`e${i}`, i + 1)]).flat()
    const { report, run } = await compiled({
      ...{ inputs: ['x f32[8]'], outputs: [`y${many}`], nodes: [...first, ...nodes], initializers },
    })
    expect(report.kernels.length).toBeLessThan(many / 4)
    const x = [1, 2, 3, 4, 5, 6, 7, 8]
    expect(run(x)[`y${many}`]).toEqual(x)
  })

  it('a chain of products', async () => {
    const nodes = list(many, (i) => node(`y${i + 1} = MatMul(y${i}, w)`))
    const { report, bytes, run } = await compiled({
      ...{ inputs: ['x f32[4,4]'], outputs: [`y${many}`], nodes: [node('y0 = Relu(x)'), ...nodes] },
      initializers: [identity],
    })
    expect(report.kernels).toHaveLength(many + 1)
    expect(report.arena).toBe(128)
    expect(bytes).toBeLessThan(100 * many)
    const x = random(16)
    expect(run(x)[`y${many}`]).toEqual(x.map((v) => Math.max(v, 0)))
  })

  it('one operation of all', async () => {
    // More than a call has room for as arguments.
    const wide = 130_000
    const operands = names('p', wide)
    const split = node(`${operands.join()} = Split(x)`, { attributes: { axis: 0 } })
    const concat = node(`y = Concat(${operands.reverse().join()})`, { attributes: { axis: 0 } })
    const { report, run } = await compiled({ inputs: [`x f32[${wide}]`], outputs: ['y'], nodes: [split, concat] })
    expect(report.kernels.length).toBeLessThanOrEqual(wide)
    const x = random(wide)
    // One by one, so many take seconds.
    expect(run(x)['y']!.join()).toBe([...x].reverse().join())
  })

  it('the sum of all', async () => {
    const split = node(`${names('p', many / 5).join()} = Split(x)`, { attributes: { axis: 0 } })
    const sum = node(`y = Sum(${names('p', many / 5).join()})`)
    const { report, run } = await compiled({ inputs: [`x f32[${many / 5}]`], outputs: ['y'], nodes: [split, sum] })
    expect(report.kernels.length).toBeLessThan(many / 20)
    expect(run(list(many / 5, (i) => i % 2))['y']).toEqual([many / 10])
  })

  it('many outputs', async () => {
    const nodes = list(many, (i) => node(`y${i} = ${['Relu', 'Neg', 'Abs', 'Floor'][i % 4]}(x)`))
    const { report, run } = await compiled({ inputs: ['x f32[4]'], outputs: names('y', many), nodes })
    // Equal values are computed once and copied.
    expect(report.kernels).toHaveLength(many)
    expect(report.arena).toBe(report.arenaLowerBound)
    const results = run([1, -2, 3.5, -4.5])
    expect(results['y0']).toEqual([1, 0, 3.5, 0])
    expect(results[`y${many - 2}`]).toEqual([1, 2, 3.5, 4.5])
  })

  it('a ladder, whose every rung needs the last one twice', async () => {
    const rungs = list(many / 2, (i) => [node(`t${i} = Transpose(y${i})`), node(`y${i + 1} = Max(y${i}, t${i})`)])
    const { report, run } = await compiled({
      ...{ inputs: ['x f32[4,4]'], outputs: [`y${many / 2}`], nodes: [node('y0 = Relu(x)'), ...rungs.flat()] },
    })
    expect(report.kernels.length).toBeLessThanOrEqual(many)
    const x = random(16)
    const symmetric = list(16, (i) => Math.max(x[i]!, x[(i % 4) * 4 + (i >> 2)]!, 0))
    expect(run(x)[`y${many / 2}`]).toEqual(symmetric)
  })

  it('views of views, of a product that waits for its place', async () => {
    const one = stored('one', tensorOf('i64', [1], [1n]))
    const views = list(many / 2, (i) => [
      node(`u${i} = Unsqueeze(y${i}, one)`),
      node(`t${i} = Transpose(u${i})`, { attributes: { perm: [2, 1, 0] } }),
      node(`y${i + 1} = Squeeze(t${i}, one)`),
    ])
    const { report, run } = await compiled({
      ...{ inputs: ['x f32[4,4]'], outputs: [`y${many / 2}`], nodes: [node('y0 = MatMul(x, w)'), ...views.flat()] },
      initializers: [identity, one],
    })
    expect(report.kernels.length).toBeLessThanOrEqual(2)
    expect(run(random(16))[`y${many / 2}`]).toEqual(random(16))
  })
})

describe('plans of memory', () => {
  const buffer = (name: string, length: number): Buffer => ({
    name,
    dtype: 'f32',
    length,
    home: { kind: 'arena' },
  })
  const copy = (from: Buffer, to: Buffer): NestKernel => ({
    ...{
      kind: 'nest',
      extents: [1],
      reduced: 0,
      body: arg(0, 'f32'),
      post: { expr: arg(0, 'f32'), reads: [] },
      nodes: [],
    },
    reads: [{ buffer: from, offset: 0, strides: [1] }],
    write: { buffer: to, offset: 0, strides: [1] },
  })

  it('go by time alone where many buffers live together, and still reuse what ends', () => {
    const x = buffer('x', 4)
    const outputs = list(5000, (i) => buffer(`y${i}`, 4))
    // What lives shortly before each output: 16 to 64 bytes, which the next one can take.
    const kernels = outputs.flatMap((y, i) => {
      const between = buffer(`t${i}`, 4 * (1 + (i % 4)))
      return [copy(x, between), copy(between, y)]
    })
    const port = (b: Buffer) => ({ name: b.name, buffer: b, dtype: b.dtype, shape: [b.length] })
    const program: Program = { kernels, inputs: [port(x)], outputs: outputs.map(port), states: [] }
    const { addresses, arenaBytes, lowerBound } = planMemory(program)
    expect(lowerBound).toBeGreaterThanOrEqual(5000 * 16)
    expect(arenaBytes).toBeLessThan(1.01 * lowerBound)
    const places = outputs.map((y) => addresses.get(y)!).sort((a, b) => a - b)
    expect(places.every((at, i) => i === 0 || at >= places[i - 1]! + 16)).toBe(true)
    // No buffer in between overlaps an output that is already there.
    kernels.forEach((kernel, at) => {
      const own = addresses.get(kernel.write.buffer)!
      const end = own + 4 * kernel.write.buffer.length
      if (at % 2 === 0 && at < 400)
        for (const y of outputs.slice(0, at / 2))
          expect(addresses.get(y)! >= end || addresses.get(y)! + 16 <= own).toBe(true)
    })
  })
})
