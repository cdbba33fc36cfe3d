import { describe, expect, it } from 'vitest'
import { Builder } from '../../compiler/core/builder.ts'
import { arg } from '../../compiler/core/scalar/expr.ts'
import { call } from '../../compiler/schedule/program/call.ts'
import { schedule } from '../../compiler/schedule/lower/index.ts'
import { planMemory } from '../../compiler/schedule/memory/plan.ts'
import { windowOf, type Buffer, type Home, type Kernel, type Program } from '../../compiler/schedule/program/program.ts'
import { verifyPlan, verifyProgram } from '../../compiler/schedule/program/verify.ts'
import { poisoned } from '../support/poisoned.ts'
import { graphOf, inputOf } from '../support/run-graph.ts'

const arena: Home = { kind: 'arena' }
const buffer = (name: string, length: number, home: Home = arena): Buffer => ({ name, dtype: 'f32', length, home })
const start = (b: Buffer, offset = 0) => ({ buffer: b, offset })
const port = (b: Buffer) => ({ name: b.name, buffer: b, dtype: b.dtype, shape: [b.length] })

/** y[i] = x[i], over `extent` elements. */
const copy = (x: Buffer, y: Buffer, extent: number, offset = 0): Kernel => ({
  kind: 'nest',
  extents: [extent],
  reduced: 0,
  body: arg(0, 'f32'),
  reads: [{ buffer: x, offset: 0, strides: [1] }],
  post: { expr: arg(0, 'f32'), reads: [] },
  write: { buffer: y, offset, strides: [1] },
  nodes: ['n'],
})

const program = (x: Buffer, y: Buffer, ...kernels: readonly Kernel[]): Program => ({
  kernels,
  inputs: [port(x)],
  outputs: [port(y)],
  states: [],
})

/** The copy of 12 floats as rows of bytes around nothing, by a template. */
const fill = (y: Buffer, rows: number, row: number): Kernel =>
  call('fill_border', { p: start(y), value: 0, first: 4, row, gap: 8, rows, tail: 4 }, { nodes: ['n'] })

const [x, y, z] = [buffer('x', 12), buffer('y', 12), buffer('z', 12)]

describe('a call of a template', () => {
  it('does not compile with an address where a number goes, or without an argument', () => {
    // @ts-expect-error: `row` is a number.
    call('fill_border', { p: start(y), value: 0, first: 4, row: start(y), gap: 8, rows: 1, tail: 4 }, { nodes: [] })
    // @ts-expect-error: `p` is an address.
    call('fill_border', { p: 0, value: 0, first: 4, row: 4, gap: 8, rows: 1, tail: 4 }, { nodes: [] })
    // @ts-expect-error: there is no `tail`.
    call('fill_border', { p: start(y), value: 0, first: 4, row: 4, gap: 8, rows: 1 }, { nodes: [] })
    // @ts-expect-error: there is no argument `to`.
    call('fill_border', { to: start(y), value: 0, first: 4, row: 4, gap: 8, rows: 1, tail: 4 }, { nodes: [] })
    // @ts-expect-error: nor a template of that name.
    expect(() => verifyProgram(program(x, y, call('fill_borders', {}, { nodes: [] })))).toThrow()
  })

  it.each([
    ['an address for a number', { row: start(y) }, 'a address for row'],
    ['a number for an address', { p: 16 }, 'a number for p'],
    [
      'an address outside its buffer',
      { p: start(y, 12) },
      'p of fill_border reaches elements 12 to 12 of y, which has 12',
    ],
  ])('is refused with %s', (_, wrong, message) => {
    const kernel = fill(y, 1, 4)
    const changed = { ...kernel, args: { ...(kernel as { args: object }).args, ...wrong } } as Kernel
    expect(() => verifyProgram(program(x, y, copy(x, y, 12), changed))).toThrow(message)
  })

  it('is refused where another template with other arguments takes its place', () => {
    const kernel = { ...fill(y, 1, 4), dot: 'u8_gemv_dot_1x32' } as Kernel
    expect(() => verifyProgram(program(x, y, kernel))).toThrow('u8_gemv_dot_1x32 stands in for fill_border')
  })
})

describe('verifyProgram', () => {
  it('takes what is right', () => {
    const right = program(x, y, copy(x, z, 12), copy(z, y, 12))
    verifyProgram(right)
    verifyPlan(right, planMemory(right))
  })

  it('finds an access that leaves its buffer', () => {
    expect(() => verifyProgram(program(x, y, copy(x, y, 13)))).toThrow('reaches elements 0 to 12 of x, which has 12')
    expect(() => verifyProgram(program(x, y, copy(x, y, 12, 1)))).toThrow('the result of a nest for n')
  })

  it('finds a window that leaves its buffer in the last iteration, or stands outside its loop', () => {
    const counter = { name: 'i' }
    const body = copy(windowOf(x, counter, 0, 4), y, 4)
    const loop = (trips: number): Kernel => ({ kind: 'loop', counter, trips, body: [body], nodes: [] })
    verifyProgram(program(x, y, loop(3)))
    expect(() => verifyProgram(program(x, y, loop(4)))).toThrow('reaches elements 0 to 15 of x')
    expect(() => verifyProgram(program(x, y, body))).toThrow('the loop i, which is not around it')
  })

  it('finds a constant that is written', () => {
    const c = buffer('c', 12, { kind: 'constant', data: new Uint8Array(48) })
    expect(() => verifyProgram(program(x, y, copy(x, c, 12)))).toThrow('writes the constant c')
  })
})

describe('verifyPlan', () => {
  const chain = program(x, y, copy(x, z, 12), copy(z, y, 12))

  it('finds buffers that are alive together and overlap', () => {
    const plan = planMemory(chain)
    const addresses = new Map([...plan.addresses, [z, plan.addresses.get(x)! + 16]])
    expect(() => verifyPlan(chain, { ...plan, addresses })).toThrow('reads x, which holds other values')
  })

  it('finds a result that is overwritten before it is read', () => {
    const other = buffer('other', 12)
    const late = program(x, y, copy(x, z, 12), copy(x, other, 12), copy(z, y, 12))
    const plan = planMemory(late, { guarded: true })
    const addresses = new Map([...plan.addresses, [other, plan.addresses.get(z)!]])
    expect(() => verifyPlan(late, { ...plan, addresses })).toThrow('reads z, which holds other values')
  })

  it('finds what reads before anything was written', () => {
    const unset = program(x, y, copy(z, y, 12))
    expect(() => verifyPlan(unset, planMemory(unset))).toThrow('reads z, which holds other values')
  })

  it('finds pinned memory that is another buffer’s', () => {
    const [s, t] = [buffer('s', 12, { kind: 'pinned' }), buffer('t', 12, { kind: 'pinned' })]
    const both = program(x, y, copy(s, z, 12), copy(t, y, 12))
    const plan = planMemory(both)
    verifyPlan(both, plan)
    const addresses = new Map([...plan.addresses, [t, plan.addresses.get(s)!]])
    expect(() => verifyPlan(both, { ...plan, addresses })).toThrow('s and t are pinned and overlap')
    const arenaInPinned = new Map([...plan.addresses, [z, plan.addresses.get(t)!]])
    expect(() => verifyPlan(both, { ...plan, addresses: arenaInPinned })).toThrow('z stands at')
  })
})

describe('memory', () => {
  it('pinned buffers are never merged, even where they start with equal bytes', () => {
    const data = new Uint8Array(48).fill(1)
    const [s, t, c, d] = [
      buffer('s', 12, { kind: 'pinned', data }),
      buffer('t', 12, { kind: 'pinned', data }),
      buffer('c', 12, { kind: 'constant', data }),
      buffer('d', 12, { kind: 'constant', data }),
    ]
    const { addresses, image, constantBytes, pinnedBytes } = planMemory(
      program(x, y, copy(s, y, 12), copy(t, y, 12), copy(c, y, 12), copy(d, y, 12)),
    )
    expect(new Set([s, t, c, d].map((b) => addresses.get(b)))).toEqual(new Set([0, 48, 96]))
    expect(addresses.get(c)).toBe(addresses.get(d))
    expect([constantBytes, pinnedBytes, image.length]).toEqual([48, 96, 144])
    expect([...image]).toEqual(new Array(144).fill(1))
  })

  it('poison shows what writes outside its buffer', async () => {
    // Two rows of 16 bytes, with gaps of 8 before, between and behind: 4 + 16 + 8 + 16 + 8 + 4 bytes are 56, and y has 48.
    const { run } = await poisoned(program(x, y, copy(x, y, 12), fill(y, 2, 16)))
    const data = new Float32Array(12)
    expect(() => run({ x: { dtype: 'f32', shape: [12], data } })).toThrow('was written, which is no buffer')
  })

  it('poison shows what reads before it is written', async () => {
    const b = new Builder(undefined)
    const input = inputOf('x', 'f32', [4])
    const right = schedule(graphOf([input], [b.unary('neg', input)]))
    const zeros = { x: { dtype: 'f32', shape: [4], data: new Float32Array(4) } } as const
    expect([...(await poisoned(right)).run(zeros)['y0']!.data]).toEqual([-0, -0, -0, -0])
    const nest = right.kernels[0] as Extract<Kernel, { kind: 'nest' }>
    const unset = { ...nest, reads: [{ ...nest.reads[0]!, buffer: buffer('unset', 4) }], body: nest.body }
    const { observePrograms } = await import('../../compiler/schedule/program/observe.ts')
    observePrograms(undefined)
    const wrong = await poisoned({ ...right, kernels: [unset] })
    expect([...wrong.run(zeros)['y0']!.data]).toEqual([NaN, NaN, NaN, NaN])
  })
})
