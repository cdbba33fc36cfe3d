import { byteSize } from '../core/scalar/dtype.ts'
import type { Access, NestKernel } from '../schedule/program/program.ts'
import { memoryName, type Code, type FunctionBuilder } from './machine.ts'
import type { FunctionRequest } from './nest.ts'

/** Rows and columns of the blocks that shuffles turn. */
const side = 4

/** Elements from which on turning blocks, in 0.2 to 0.8 of the time, is worth 220 bytes of code. */
const leastElements = 2 ** 14

const bytes = 4

interface Loop {
  readonly count: number
  readonly read: number
  readonly write: number
}

/** The loop that the access walks with stride 1. */
const unitLoop = (a: Access): number => a.strides.indexOf(1)

/**
 * The function of a nest that copies 32-bit elements from one order of axes to another, block by block; undefined for
 * other nests, small ones, and axes that are no multiple of a block. Its parameters are the addresses of both.
 */
export function requestTranspose(kernel: NestKernel): FunctionRequest | undefined {
  const { extents, reads, write, body, post } = kernel
  const [read] = reads
  const copies = body.kind === 'arg' && post.expr.kind === 'arg' && post.expr.index === 0
  if (!read || reads.length > 1 || !copies || kernel.reduced > 0 || kernel.sequential || kernel.accumulate)
    return undefined
  const plain = [read, write].every(
    (a) => !a.indirect && byteSize(a.buffer.dtype) === bytes && a.strides.every((s) => s > 0),
  )
  const [across, along] = [unitLoop(write), unitLoop(read)]
  if (!plain || across < 0 || along < 0 || across === along) return undefined
  if (extents[across]! % side !== 0 || extents[along]! % side !== 0) return undefined
  if (extents.reduce((a, b) => a * b, 1) < leastElements) return undefined
  const loop = (i: number, step: number): Loop => ({
    count: extents[i]! / step,
    read: read.strides[i]! * step * bytes,
    write: write.strides[i]! * step * bytes,
  })
  const others = extents.map((_, i) => i).filter((i) => i !== across && i !== along)
  // Where results are written side by side, their lines are written once: the other way round is slower than no blocks at all.
  const loops = [...others.map((i) => loop(i, 1)), loop(along, side), loop(across, side)]
  const rows = { read: read.strides[across]! * bytes, write: write.strides[along]! * bytes }
  return {
    key: JSON.stringify(['transpose', loops, rows]),
    params: ['i32', 'i32'],
    args: [read, write].map(({ buffer, offset }) => ({ buffer, offset })),
    build: (f) => f.block(nested(f, loops, turnBlock(f, rows), 0)),
  }
}

/** Pointers come out of loop `level` past its last iteration. */
function nested(f: FunctionBuilder, loops: readonly Loop[], body: readonly Code[], level: number): Code[] {
  const loop = loops[level]
  if (!loop) return [...body]
  const inner = loops[level + 1]
  const advance = (pointer: number, key: 'read' | 'write'): Code[] =>
    f.advance(pointer, loop[key] - (inner ? inner.count * inner[key] : 0))
  const counter = f.newLocal('i32')
  const label = `t${counter}`
  const next = f.m.local.tee(counter, f.m.i32.sub(f.get(counter), f.i32(1)), f.type('i32'))
  const code = [
    ...nested(f, loops, body, level + 1),
    ...advance(0, 'read'),
    ...advance(1, 'write'),
    f.m.br(label, next),
  ]
  return [f.set(counter, f.i32(loop.count)), f.m.loop(label, f.m.block(null, code))]
}

/** Loads four rows of four elements and stores the columns. */
function turnBlock(f: FunctionBuilder, rows: { readonly read: number; readonly write: number }): Code[] {
  const { m } = f
  const lanesOf = (...lanes: number[]): number[] => lanes.flatMap((lane) => [0, 1, 2, 3].map((byte) => lane * 4 + byte))
  const loaded = Array.from({ length: side }, () => f.newLocal('v128'))
  const pairs = Array.from({ length: side }, () => f.newLocal('v128'))
  const shuffle = (a: number, b: number, lanes: number[]): Code => m.i8x16.shuffle(f.get(a), f.get(b), lanes)
  const [r0, r1, r2, r3] = loaded as [number, number, number, number]
  const [p0, p1, p2, p3] = pairs as [number, number, number, number]
  const store = (i: number, value: Code): Code => m.v128.store(i * rows.write, 4, f.get(1), value, memoryName)
  return [
    ...loaded.map((local, i) => f.set(local, m.v128.load(i * rows.read, 4, f.get(0), memoryName))),
    f.set(p0, shuffle(r0, r1, lanesOf(0, 4, 1, 5))),
    f.set(p1, shuffle(r2, r3, lanesOf(0, 4, 1, 5))),
    f.set(p2, shuffle(r0, r1, lanesOf(2, 6, 3, 7))),
    f.set(p3, shuffle(r2, r3, lanesOf(2, 6, 3, 7))),
    store(0, shuffle(p0, p1, lanesOf(0, 1, 4, 5))),
    store(1, shuffle(p0, p1, lanesOf(2, 3, 6, 7))),
    store(2, shuffle(p2, p3, lanesOf(0, 1, 4, 5))),
    store(3, shuffle(p2, p3, lanesOf(2, 3, 6, 7))),
  ]
}
