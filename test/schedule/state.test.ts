import { describe, expect, it } from 'vitest'
import { Builder } from '../../compiler/core/builder.ts'
import { evaluate } from '../../compiler/core/evaluate.ts'
import * as f from '../../compiler/core/scalar/formula.ts'
import type { Graph, Value } from '../../compiler/core/graph.ts'
import { trivialWindow, type WindowAxis } from '../../compiler/core/ops/window.ts'
import type { Tensor } from '../../compiler/core/tensor.ts'
import { bytesOf, zeros } from '../../compiler/core/tensor.ts'
import { runPasses } from '../../compiler/passes/index.ts'
import { compileGraph } from '../../compiler/pipeline.ts'
import { schedule } from '../../compiler/schedule/lower/index.ts'
import { gradients } from '../../compiler/transform/gradients.ts'
import { Random } from '../support/random.ts'
import { expectClose, inputOf, randomTensor } from '../support/run-graph.ts'

const b = new Builder(undefined)

const nameOf = ({ node }: Value): string => (node.op === 'input' ? node.attrs.name : '')

const pooling = (): WindowAxis => ({ ...trivialWindow, size: 2, stride: 2 })

const graph = (inputs: readonly Value[], outputs: Readonly<Record<string, Value>>): Graph => ({
  inputs: inputs.map((value) => ({ name: nameOf(value), value })),
  outputs: Object.entries(outputs).map(([name, value]) => ({ name, value })),
})

/** Runs the module five times on other inputs and expects what the graph gives when its outputs are carried by hand. */
async function expectCarried(
  g: Graph,
  state: Readonly<Record<string, string>>,
  stateStart: Readonly<Record<string, Tensor>> = {},
  tolerance = 1e-6,
): Promise<void> {
  const { modules, spec } = await compileGraph(g, { targets: ['simd'], state, stateStart })
  expect(spec.inputs.map((p) => p.name)).toEqual(g.inputs.map((p) => p.name).filter((name) => !(name in state)))
  const kept = new Set(Object.values(state))
  expect(spec.outputs.map((p) => p.name)).toEqual(g.outputs.map((p) => p.name).filter((name) => !kept.has(name)))
  const instance = new WebAssembly.Instance(new WebAssembly.Module(modules.simd! as BufferSource))
  const { memory, run } = instance.exports as { memory: WebAssembly.Memory; run: () => void }
  const bytes = new Uint8Array(memory.buffer)
  const random = new Random(7)
  let carried: Record<string, Tensor> = Object.fromEntries(
    g.inputs
      .filter(({ name }) => name in state)
      .map(({ name, value: { type } }) => [name, stateStart[name] ?? zeros(type.dtype, type.shape)]),
  )
  for (let step = 0; step < 5; step++) {
    const given = Object.fromEntries(
      g.inputs
        .filter(({ name }) => !(name in state))
        .map(({ name, value: { type } }) => [name, randomTensor(random, type.dtype, type.shape)]),
    )
    const expected = evaluate(g, { ...given, ...carried })
    for (const port of spec.inputs) bytes.set(bytesOf(given[port.name]!), port.address)
    run()
    const places = [...spec.outputs, ...spec.states!.map((port) => ({ ...port, name: state[port.name]! }))]
    for (const { name, address } of places) {
      const { dtype, shape, data } = expected[name]!
      const found = bytes.slice(address, address + data.byteLength)
      const Kind = data.constructor as new (buffer: ArrayBufferLike) => Tensor['data']
      expectClose({ dtype, shape, data: new Kind(found.buffer) }, expected[name]!, tolerance)
    }
    carried = Object.fromEntries(Object.entries(state).map(([input, next]) => [input, expected[next]!]))
  }
}

const [x, h, c] = [inputOf('x', 'f32', [3]), inputOf('h', 'f32', [3]), inputOf('c', 'f32', [3])]

describe('what a module keeps between runs', () => {
  it('starts as zeros and becomes what the last run computed', () =>
    expectCarried(graph([x, h], { y: b.binary('mul', x, h), hn: b.binary('add', x, h) }), { h: 'hn' }))

  it('starts as what is given', () =>
    expectCarried(
      graph([x, h], { y: b.binary('mul', x, h), hn: b.binary('add', x, h) }),
      { h: 'hn' },
      { h: { dtype: 'f32', shape: [3], data: Float32Array.of(1, 0, -2) } },
    ))

  it('is the old value to all that reads it', () => {
    const hn = b.binary('add', x, h)
    const late = b.binary('sub', b.reduce('add', b.binary('mul', hn, hn), [0], false), b.reduce('max', h, [0], false))
    return expectCarried(graph([x, h], { hn, late, y: hn }), { h: 'hn' })
  })

  it('may be swapped, kept, or an input', async () => {
    const y = b.binary('add', x, b.binary('sub', h, c))
    await expectCarried(graph([x, h, c], { y, hn: c, cn: h }), { h: 'hn', c: 'cn' })
    await expectCarried(graph([x, h, c], { y, hn: h, cn: x }), { h: 'hn', c: 'cn' })
    await expectCarried(graph([x, h, c], { y: h, hn: x, cn: h }), { h: 'hn', c: 'cn' })
  })

  it('may start as equal bytes without being one', () =>
    expectCarried(
      graph([x, h, c], { y: b.binary('add', h, c), hn: b.binary('add', h, x), cn: b.binary('sub', c, x) }),
      { h: 'hn', c: 'cn' },
      {
        h: { dtype: 'f32', shape: [3], data: Float32Array.of(1, 2, 3) },
        c: { dtype: 'f32', shape: [3], data: Float32Array.of(1, 2, 3) },
      },
    ))

  it('is computed in place where nothing reads the old value any more', () => {
    const update = graph([x, h], { y: b.unary('neg', x), hn: b.binary('add', x, h) })
    const { kernels, states } = schedule(runPasses(update), [{ input: 'h', next: 'hn' }])
    expect(kernels).toHaveLength(2)
    expect(kernels.some((k) => k.kind === 'nest' && k.write.buffer === states[0]!.buffer)).toBe(true)
  })

  it('is what a step of training leaves, whichever order its updates have', async () => {
    const images = inputOf('images', 'f32', [2, 1, 6, 6])
    const shapes = [
      [4, 1, 3, 3],
      [4, 1, 3, 3],
      [36, 5],
    ]
    const [w, d, v] = shapes.map((shape, i) => inputOf(`w${i}`, 'f32', shape)) as [Value, Value, Value]
    const window = [0, 1].map(() => ({ ...trivialWindow, size: 3, low: 1, high: 1 }))
    const axes = { batch: 0, feature: 1, spatial: [2, 3] }
    const attrs = { lhs: axes, rhs: { output: 0, input: 1, spatial: [2, 3] }, out: axes, window }
    const first = b.unary('tanh', b.convolution(images, w, { ...attrs, groups: 1 }))
    const second = b.unary('tanh', b.convolution(first, d, { ...attrs, groups: 4 }))
    const pooled = b.reduceWindow('max', second, [trivialWindow, trivialWindow, ...window.map(pooling)])
    const dense = { lhsBatch: [], rhsBatch: [], lhsContract: [1], rhsContract: [0] }
    const y = b.unary('tanh', b.dotGeneral(b.reshape(pooled, [2, 36]), v, dense))
    const loss = b.reduce('add', b.binary('mul', y, y), [0, 1])
    const parameters = [w, d, v]
    const moments = parameters.map(({ type }, i) => inputOf(`m${i}`, 'f32', type.shape))
    const slopes = gradients(loss, parameters)
    const next = slopes.map((slope, i) => b.map([moments[i]!, slope], (m, g) => f.add(f.mul(m!, 0.5), g!)))
    const updated = next.map((m, i) => b.map([parameters[i]!, m], (p, s) => f.sub(p!, f.mul(s!, 0.01))))
    const outputs: [string, Value][] = [...next, ...updated].map((value, i) => [`n${i}`, value])
    const inputs = [images, ...moments, ...parameters]
    const state = Object.fromEntries([...moments, ...parameters].map((p, i) => [nameOf(p), `n${i}`]))
    const random = new Random(5)
    const starts = Object.fromEntries(parameters.map((p) => [nameOf(p), randomTensor(random, 'f32', p.type.shape)]))
    for (const order of [outputs, outputs.toReversed()]) {
      await expectCarried(graph(inputs, { loss, ...Object.fromEntries(order) }), state, starts, 1e-4)
    }
  })

  it('shares its memory with nothing and is counted apart', async () => {
    const g = graph([x, h, c], { y: b.binary('mul', x, h), hn: b.binary('add', x, h), cn: b.binary('mul', x, c) })
    const { report, spec } = await compileGraph(g, { targets: ['simd'], state: { h: 'hn', c: 'cn' } })
    expect(report.state).toBe(32)
    expect(spec.states!.map((p) => p.address)).toEqual([0, 16])
  })

  it.each([
    [{ z: 'hn' }, {}, 'state z=hn: the model has no input "z"; it has "x", "h"'],
    [{ h: 'z' }, {}, 'state h=z: the model has no output "z"; it has "hn", "s", "x"'],
    [{ h: 's' }, {}, 'the input is f32[3], the output f32[]'],
    [{ h: 'hn', x: 'hn' }, {}, 'state x=hn: "h" becomes "hn" already'],
    [{ h: 'hn' }, { h: zeros('f32', [4]) }, 'the start of state "h" is f32[4], the input f32[3]'],
    [{ h: 'hn' }, { x: zeros('f32', [3]) }, 'a start is given for "x", which is no state; states are "h"'],
  ])('refuses %o', async (state, stateStart, message) => {
    const g = graph([x, h], { hn: b.binary('add', x, h), s: b.reduce('add', x, [0], false), x: b.unary('neg', x) })
    await expect(compileGraph(g, { state: state as Record<string, string>, stateStart })).rejects.toThrow(message)
  })
})
