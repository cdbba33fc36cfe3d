import { describe, expect, it } from 'vitest'
import { arg } from '../../compiler/core/scalar/expr.ts'
import { bufferBytes, planMemory, readableTail, type MemoryPlan } from '../../compiler/schedule/memory/plan.ts'
import {
  constantBytes,
  inArena,
  readsOf,
  writesOf,
  type Buffer,
  type Kernel,
  type Program,
  type ProgramPort,
} from '../../compiler/schedule/program/program.ts'
import { Random } from '../support/random.ts'

const buffer = (name: string, length: number, data?: Uint8Array): Buffer => ({
  name,
  dtype: 'f32',
  length,
  home: data ? { kind: 'constant', data } : { kind: 'arena' },
})
const constant = (name: string, ...bytes: number[]): Buffer => ({
  name,
  dtype: 'u8',
  length: bytes.length,
  home: { kind: 'constant', data: Uint8Array.from(bytes) },
})

const kernel = (reads: readonly Buffer[], write: Buffer): Kernel => ({
  kind: 'nest',
  extents: [write.length],
  reduced: 0,
  body: arg(0, 'f32'),
  reads: reads.map((b) => ({ buffer: b, offset: 0, strides: [1] })),
  post: { expr: arg(0, 'f32'), reads: [] },
  write: { buffer: write, offset: 0, strides: [1] },
  nodes: [],
})

const port = (b: Buffer): ProgramPort => ({ name: b.name, buffer: b, dtype: b.dtype, shape: [b.length] })

/** Buffers that are needed at one time and overlap in memory. */
function overlaps(program: Program, plan: MemoryPlan): string[] {
  const last = program.kernels.length
  const lives = new Map<Buffer, [number, number]>()
  const touch = (b: Buffer, at: number): void => {
    const [from, to] = lives.get(b) ?? [at, at]
    lives.set(b, !inArena(b) ? [-1, last] : [Math.min(from, at), Math.max(to, at)])
  }
  program.inputs.forEach((p) => touch(p.buffer, -1))
  program.kernels.forEach((k, at) => [...readsOf(k), ...writesOf(k)].forEach((b) => touch(b, at)))
  program.outputs.forEach((p) => touch(p.buffer, last))
  const found: string[] = []
  const all = [...lives]
  for (const [i, [a, [from, to]]] of all.entries()) {
    for (const [b, [start, end]] of all.slice(i + 1)) {
      const [x, y] = [plan.addresses.get(a)!, plan.addresses.get(b)!]
      const apart = x + bufferBytes(a) <= y || y + bufferBytes(b) <= x || to < start || end < from
      if (!apart && !(constantBytes(a) && constantBytes(b))) found.push(`${a.name} ${b.name}`)
    }
  }
  return found
}

describe('planMemory', () => {
  it('reuses memory of what is not needed any more', () => {
    const [x, a, b, c] = ['x', 'a', 'b', 'c'].map((name) => buffer(name, 8)) as [Buffer, Buffer, Buffer, Buffer]
    const program = {
      kernels: [kernel([x], a), kernel([a], b), kernel([b], c)],
      inputs: [port(x)],
      outputs: [port(c)],
      states: [],
    }
    const plan = planMemory(program)
    expect(overlaps(program, plan)).toEqual([])
    expect(plan.arenaBytes).toBe(64)
    expect(plan.lowerBound).toBe(64)
    expect(plan.totalBytes).toBe(64 + readableTail)
  })

  it('keeps inputs until they are read and outputs to the end', () => {
    const [x, late, y, z] = ['x', 'late', 'y', 'z'].map((name) => buffer(name, 4)) as [Buffer, Buffer, Buffer, Buffer]
    const program = {
      kernels: [kernel([x], y), kernel([late], z)],
      inputs: [port(x), port(late)],
      outputs: [port(y), port(z)],
      states: [],
    }
    const plan = planMemory(program)
    expect(overlaps(program, plan)).toEqual([])
    expect(plan.lowerBound).toBe(48)
  })

  it('gives inputs that nothing reads a place', () => {
    const [x, unused, y] = ['x', 'unused', 'y'].map((name) => buffer(name, 4)) as [Buffer, Buffer, Buffer]
    const program = { kernels: [kernel([x], y)], inputs: [port(x), port(unused)], outputs: [port(y)], states: [] }
    const plan = planMemory(program)
    expect(plan.addresses.has(unused)).toBe(true)
    expect(overlaps(program, plan)).toEqual([])
  })

  it('stores equal constants once, before everything else', () => {
    const [a, b, c] = [constant('a', 1, 2, 3), constant('b', 1, 2, 3), constant('c', 3, 2, 1)]
    const [y, z] = [buffer('y', 4), buffer('z', 4)]
    const program = {
      kernels: [kernel([a, b], y), kernel([c, y], z)],
      inputs: [],
      outputs: [port(z), port(b)],
      states: [],
    }
    const plan = planMemory(program)
    expect(plan.addresses.get(a)).toBe(plan.addresses.get(b))
    expect([...plan.image]).toEqual([
      1,
      2,
      3,
      ...new Array<number>(13).fill(0),
      3,
      2,
      1,
      ...new Array<number>(13).fill(0),
    ])
    expect(plan.addresses.get(c)).toBe(16)
    expect(Math.min(plan.addresses.get(y)!, plan.addresses.get(z)!)).toBe(32)
  })

  it('does not take constants of one hash for equal', () => {
    // Both have the FNV-1a hash that the plan looks constants up by.
    const [c, d] = [constant('c', 36, 202, 169, 187, 247), constant('d', 254, 112, 91, 61, 15)]
    const y = buffer('y', 1)
    const plan = planMemory({ kernels: [kernel([c, d], y)], inputs: [], outputs: [port(y)], states: [] })
    expect([...plan.image.subarray(0, 5), ...plan.image.subarray(16, 21)]).toEqual([
      ...constantBytes(c)!,
      ...constantBytes(d)!,
    ])
  })

  it('places random programs without overlap, aligned, close to the least memory', () => {
    const random = new Random(4)
    for (let round = 0; round < 100; round++) {
      const inputs = Array.from({ length: 1 + random.int(3) }, (_, i) => buffer(`x${i}`, 1 + random.int(50)))
      const known = [...inputs, constant('w', 1, 2, 3, 4)]
      const kernels = Array.from({ length: 1 + random.int(20) }, (_, i) => {
        const write = buffer(`v${i}`, random.pick([0, 1, 7, 16, 64, 100]))
        const recent = (): Buffer => known[Math.max(0, known.length - 1 - random.int(4))]!
        const made = kernel([recent(), recent()], write)
        known.push(write)
        return made
      })
      const program = {
        kernels,
        inputs: inputs.map(port),
        outputs: [port(known[known.length - 1]!), port(random.pick(known))],
        states: [],
      }
      const plan = planMemory(program)
      expect(overlaps(program, plan)).toEqual([])
      for (const [b, address] of plan.addresses) {
        expect(address % 16).toBe(0)
        expect(address + bufferBytes(b) + readableTail).toBeLessThanOrEqual(plan.totalBytes)
      }
      expect(plan.arenaBytes).toBeGreaterThanOrEqual(plan.lowerBound)
      expect(plan.arenaBytes).toBeLessThanOrEqual(2 * plan.lowerBound)
    }
  })
})
