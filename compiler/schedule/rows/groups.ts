import { normalizeNest } from '../program/normalize-nest.ts'
import type { Access, Buffer, Kernel, NestKernel } from '../program/program.ts'
import { inArena, memoryOf, readsOf, writesOf } from '../program/program.ts'
import { oneRow, outputExtents, rowsApart, splitRows, walksOf, type Shared, type Walk } from './split.ts'
import {
  hasRows,
  limitTemplate,
  splitTemplate,
  templateExtents,
  templateWalks,
  type RowsTemplate,
} from './templates.ts'
import { planVector } from '../kernels/vector-plan.ts'

/** A kernel that may run by rows. */
export type ByRows = NestKernel | RowsTemplate

export const nestByRows = (kernel: Kernel): kernel is NestKernel =>
  kernel.kind === 'nest' &&
  !kernel.sequential &&
  !kernel.accumulate &&
  !kernel.write.indirect &&
  !kernel.extents.includes(0)

export const templateByRows = (kernel: Kernel): kernel is RowsTemplate => kernel.kind === 'template' && hasRows(kernel)

/** Extents of the loops that can be rows. */
export const rowExtents = (kernel: ByRows): readonly number[] =>
  kernel.kind === 'nest' ? outputExtents(kernel) : templateExtents(kernel)

/** The accesses of a kernel with the loops they go over. */
export const walks = (kernel: ByRows): Walk[] => (kernel.kind === 'nest' ? walksOf(kernel) : templateWalks(kernel))

/** A nest ready to be compared with those of a group: its output loops as it walks what they have written. */
export function alignLoops(nest: NestKernel, written: ReadonlySet<Buffer>): NestKernel | undefined {
  const moves = (a: Access): number => a.strides.filter((s) => s !== 0).length
  const [key] = [...nest.reads, ...nest.post.reads]
    .filter((a) => written.has(a.buffer))
    .sort((a, b) => moves(b) - moves(a))
  return key && normalizeNest(nest, key)
}

/** Kernels, their output loops in an order in which they begin with rows, split by them. */
export interface Arrangement<K extends ByRows> {
  readonly depth: number
  readonly kernels: readonly K[]
  readonly shared: ReadonlyMap<Buffer, Shared>
}

/** What the kernels share and one of them writes, if each row of it is apart from all others. */
function shareRows(kernels: readonly ByRows[], depth: number): ReadonlyMap<Buffer, Shared> | undefined {
  const written = new Set(kernels.flatMap((k) => writesOf(k).map(memoryOf)))
  const known = walksByMemory(kernels, memoryOf)
  const result = new Map<Buffer, Shared>()
  for (const memory of written) {
    const { users, own } = known.get(memory)!
    if (users.length < 2) continue
    const { buffer } = own[0]!.access
    const shared = own.every(({ access }) => access.buffer === buffer) ? rowsApart(own, depth) : undefined
    if (!shared) return undefined
    result.set(buffer, shared)
  }
  return result
}

/** The accesses to each piece of memory, and the kernels that have them, in order; `memory` says which piece a buffer is. */
function walksByMemory(
  kernels: readonly ByRows[],
  memory: (buffer: Buffer) => Buffer,
): Map<Buffer, { readonly users: ByRows[]; readonly own: Walk[] }> {
  const known = new Map<Buffer, { readonly users: ByRows[]; readonly own: Walk[] }>()
  for (const kernel of kernels) {
    for (const walk of walks(kernel)) {
      const place = memory(walk.access.buffer)
      const entry = known.get(place) ?? { users: [], own: [] }
      known.set(place, entry)
      if (entry.users.at(-1) !== kernel) entry.users.push(kernel)
      entry.own.push(walk)
    }
  }
  return known
}

const splitByRows = (kernel: ByRows, rows: readonly number[]): ByRows =>
  kernel.kind === 'nest' ? splitRows(kernel, rows) : splitTemplate(kernel, rows)

/** The kernels by rows of these extents, if each leaves the others only what stands in the same row. */
export function arrange<K extends ByRows>(kernels: readonly K[], rows: readonly number[]): Arrangement<K> | undefined {
  const split = kernels.map((k) => splitByRows(k, rows) as K)
  const shared = shareRows(split, rows.length)
  return shared && { depth: rows.length, kernels: split, shared }
}

/** Whether nests by rows combine in the order they combine in by themselves, and take hardly more vectors. */
export function keepsVectors(nests: readonly NestKernel[], depth: number): boolean {
  let [whole, byRows] = [0, 0]
  for (const nest of nests) {
    const before = planVector(normalizeNest(nest))
    const after = planVector(normalizeNest(oneRow(nest, depth)))
    if (nest.reduced > 0 ? before.axis !== after.axis : before.axis === 'output' && after.axis !== 'output')
      return false
    const iterations = nest.extents.reduce((a, b) => a * b, 1)
    whole += before.cost * iterations
    byRows += after.cost * iterations
  }
  return byRows <= 1.1 * whole
}

/** Says of a buffer whether no more than so many kernels know it. */
export type IsOwn = (buffer: Buffer, users: number) => boolean

/** A buffer of which one block of rows suffices, and the shorter one that takes its place. */
export interface Shrunk extends Shared {
  readonly to: Buffer
}

/**
 * What only these kernels know, and the first of them to know writes, by blocks of rows. `isOwn` says of a buffer whether no more
 * than so many kernels know it.
 */
export function shrink({ kernels, shared }: Arrangement<ByRows>, isOwn: IsOwn): ReadonlyMap<Buffer, Shrunk> {
  const shrunk = new Map<Buffer, Shrunk>()
  const known = walksByMemory(kernels, (buffer) => buffer)
  for (const [buffer, { low, high }] of shared) {
    const length = high - low + 1
    const { users } = known.get(buffer)!
    const startsHere = writesOf(users[0]!).includes(buffer) && !readsOf(users[0]!).includes(buffer)
    if (buffer.window || !inArena(buffer) || !startsHere || length >= buffer.length || !isOwn(buffer, users.length))
      continue
    shrunk.set(buffer, { low, high, to: { ...buffer, length } })
  }
  return shrunk
}

/** The nest with its accesses, those of loaded indices too, replaced. */
export function placeAccesses(nest: NestKernel, place: (access: Access) => Access): NestKernel {
  const all = (a: Access): Access => ({
    ...place(a),
    ...(a.indirect && { indirect: a.indirect.map((i) => ({ ...i, index: all(i.index) })) }),
  })
  return {
    ...nest,
    reads: nest.reads.map(all),
    post: { ...nest.post, reads: nest.post.reads.map(all) },
    write: all(nest.write),
  }
}

/** The kernel from iteration `first` of its loop `loop` on, `extent` iterations. */
export function limitLoop(kernel: ByRows, loop: number, first: number, extent: number): ByRows {
  const move = (a: Access): Access => ({ ...a, offset: a.offset + first * a.strides[loop]! })
  if (kernel.kind === 'template') return limitTemplate(kernel, loop, extent, move)
  return { ...placeAccesses(kernel, move), extents: kernel.extents.with(loop, extent) }
}

/** Memory that a kernel reads and writes. */
export interface Touched {
  readonly reads: ReadonlySet<Buffer>
  readonly writes: ReadonlySet<Buffer>
}

export const touchedBy = (kernel: Kernel): Touched => ({
  reads: new Set(readsOf(kernel).map(memoryOf)),
  writes: new Set(writesOf(kernel).map(memoryOf)),
})

const meet = (a: ReadonlySet<Buffer>, b: ReadonlySet<Buffer>): boolean => [...a].some((x) => b.has(x))

/** Whether two kernels may run in either order. */
export const commute = (a: Touched, b: Touched): boolean =>
  !meet(a.writes, b.reads) && !meet(a.writes, b.writes) && !meet(a.reads, b.writes)

/** Says of a buffer whether no more than so many kernels know it; the program's boundary knows its ports. */
export function ownership(users: ReadonlyMap<Buffer, number>, ports: readonly { readonly buffer: Buffer }[]): IsOwn {
  const known = new Set(ports.map((port) => port.buffer))
  return (buffer, count) => users.get(buffer) === count && !known.has(buffer)
}
