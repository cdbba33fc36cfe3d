import { describe, expect, it } from 'vitest'
import { Builder } from '../../compiler/core/builder.ts'
import { evaluate } from '../../compiler/core/evaluate.ts'
import type { Graph, Value } from '../../compiler/core/graph.ts'
import type { Tensor } from '../../compiler/core/tensor.ts'
import { bytesOf, zeros } from '../../compiler/core/tensor.ts'
import { runPasses } from '../../compiler/passes/index.ts'
import { compileGraph } from '../../compiler/pipeline.ts'
import { schedule } from '../../compiler/schedule/lower/index.ts'
import { Random } from '../support/random.ts'
import { expectClose, inputOf, randomTensor } from '../support/run-graph.ts'

const b = new Builder(undefined)

const graph = (inputs: readonly Value[], outputs: Readonly<Record<string, Value>>): Graph => ({
  inputs: inputs.map((value) => ({ name: value.node.op === 'input' ? value.node.attrs.name : '', value })),
  outputs: Object.entries(outputs).map(([name, value]) => ({ name, value })),
})

/** Runs the module five times on other inputs and expects what the graph gives when its outputs are carried by hand. */
async function expectCarried(
  g: Graph,
  state: Readonly<Record<string, string>>,
  stateStart: Readonly<Record<string, Tensor>> = {},
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
      expectClose({ dtype, shape, data: new Kind(found.buffer) }, expected[name]!, 1e-6)
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
