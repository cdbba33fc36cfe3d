import { byteSize } from '../core/dtype.ts'
import { accessesOf, normalizeNest } from './normalize-nest.ts'
import { aliveAtPeak, bufferBytes } from './plan-memory.ts'
import type { Access, Buffer, Kernel, NestKernel, Program, RowsKernel } from './program.ts'
import { memoryOf, readsOf, writesOf } from './program.ts'
import { commonRows, oneRow, outputExtents, rowsApart, splitRows, walksOf, type Shared } from './split-rows.ts'
import { countUsers } from './users.ts'
import { planVector } from './vector-plan.ts'

/** Kernels that a nest may overtake to come to its group. */
const reach = 8

export interface RowLimits {
  /** Rows are taken together until a nest has this many elements to go over. */
  readonly blockElements: number
  /** Bytes that nests leave for one another from which on going over rows once is worth its code. */
  readonly leastTraffic: number
  /** The same for bytes that are saved when memory is fullest. */
  readonly leastSaved: number
}

/**
 * Each nest waits for what the last one has combined: the more rows it goes over at once, the less that matters. Blocks of 256
 * elements took up to 1.15 of the time nest after nest takes; three tensors' blocks of 2048 fit the first-level cache. Chains
 * of softmax and layer normalization take 0.76 to 0.87 of the time where a tensor has 8 MiB or more, 0.97 to 1.02 from 1 MiB on,
 * and one of them alone 0.94 to 1.04. Smaller tensors stay in second-level caches.
 */
const measured: RowLimits = { blockElements: 2048, leastTraffic: 2 ** 20, leastSaved: 2 ** 12 }

/** What nests leave for one another in a block has to stay in the caches. */
const mostBlockBytes = 2 ** 18

/** Nests, their output loops in an order in which they begin with rows, split by them. */
interface Arrangement {
  readonly depth: number
  readonly nests: readonly NestKernel[]
  readonly shared: ReadonlyMap<Buffer, Shared>
}

const product = (extents: readonly number[]): number => extents.reduce((a, b) => a * b, 1)

const mayJoin = (kernel: Kernel): kernel is NestKernel =>
  kernel.kind === 'nest' &&
  !kernel.sequential &&
  !kernel.accumulate &&
  !kernel.write.indirect &&
  !kernel.extents.includes(0)

/** What the nests share and one of them writes, if each row of it is apart from all others. */
function shareRows(nests: readonly NestKernel[], depth: number): ReadonlyMap<Buffer, Shared> | undefined {
  const written = new Set(nests.map((n) => memoryOf(n.write.buffer)))
  const result = new Map<Buffer, Shared>()
  for (const memory of written) {
    const users = nests.filter((n) => accessesOf(n).some((a) => memoryOf(a.buffer) === memory))
    if (users.length < 2) continue
    const walks = users.flatMap(walksOf).filter(({ access }) => memoryOf(access.buffer) === memory)
    const { buffer } = walks[0]!.access
    const shared = walks.every(({ access }) => access.buffer === buffer) ? rowsApart(walks, depth) : undefined
    if (!shared) return undefined
    result.set(buffer, shared)
  }
  return result
}

function arrange(nests: readonly NestKernel[], rows: readonly number[]): Arrangement | undefined {
  const split = nests.map((n) => splitRows(n, rows))
  const shared = shareRows(split, rows.length)
  return shared && { depth: rows.length, nests: split, shared }
}

/** Whether nests by rows combine in the order they combine in by themselves, and take hardly more vectors. */
function keepsVectors({ nests, depth }: Arrangement): boolean {
  let [whole, byRows] = [0, 0]
  for (const nest of nests) {
    const before = planVector(normalizeNest(nest))
    const after = planVector(normalizeNest(oneRow(nest, depth)))
    if (nest.reduced > 0 ? before.axis !== after.axis : before.axis === 'output' && after.axis !== 'output')
      return false
    whole += before.cost * product(nest.extents)
    byRows += after.cost * product(nest.extents)
  }
  return byRows <= 1.1 * whole
}

const blockBytes = (shared: ReadonlyMap<Buffer, Shared>): number =>
  [...shared].reduce((sum, [buffer, { low, high }]) => sum + (high - low + 1) * byteSize(buffer.dtype), 0)

/** The nests by blocks of rows, as many together as make loops of some length; undefined where that does not pay. */
function blocks(
  nests: readonly NestKernel[],
  rows: readonly number[],
  { blockElements }: RowLimits,
): Arrangement | undefined {
  const last = rows.at(-1)!
  const most = Math.max(...nests.map((n) => product(n.extents))) / product(rows)
  for (let together = 1; together <= last; together++) {
    if (last % together !== 0 || (together < last && most * together < blockElements)) continue
    const outer = [...rows.slice(0, -1), ...(together < last ? [last / together] : [])]
    const arrangement = outer.length > 0 ? arrange(nests, outer) : undefined
    if (!arrangement) return undefined
    return keepsVectors(arrangement) && blockBytes(arrangement.shared) <= mostBlockBytes ? arrangement : undefined
  }
  return undefined
}

/** A nest ready to be compared with those of a group: its output loops as it walks what they have written. */
function towards(nest: NestKernel, written: ReadonlySet<Buffer>): NestKernel | undefined {
  const moves = (a: Access): number => a.strides.filter((s) => s !== 0).length
  const [key] = [...nest.reads, ...nest.post.reads]
    .filter((a) => written.has(a.buffer))
    .sort((a, b) => moves(b) - moves(a))
  return key && normalizeNest(nest, key)
}

class Group {
  readonly kernels: NestKernel[]
  private nests: readonly NestKernel[]
  private rows: readonly number[]
  private arrangement: Arrangement | undefined
  private readonly limits: RowLimits

  constructor(first: NestKernel, limits: RowLimits) {
    const nest = normalizeNest(first)
    this.limits = limits
    this.kernels = [first]
    this.nests = [nest]
    this.rows = outputExtents(nest)
  }

  /** Takes the nest in if it can run row by row with the others. */
  join(kernel: NestKernel): boolean {
    const nest = towards(kernel, new Set(this.kernels.map((k) => k.write.buffer)))
    if (!nest) return false
    const nests = [...this.nests, nest]
    const common = commonRows(this.rows, outputExtents(nest))
    for (let depth = common.length; depth > 0; depth--) {
      const rows = common.slice(0, depth)
      if (!arrange(nests, rows)) continue
      const arrangement = blocks(nests, rows, this.limits)
      if (!arrangement) continue
      this.kernels.push(kernel)
      this.nests = nests
      this.rows = rows
      this.arrangement = arrangement
      return true
    }
    return false
  }

  /**
   * The group as one kernel, if that is worth it; `isOwn` says of a buffer whether no other kernel knows it, `fullest` holds
   * what is alive when memory is fullest.
   */
  finish(isOwn: (buffer: Buffer, users: number) => boolean, fullest: ReadonlySet<Buffer>): RowsKernel | undefined {
    if (!this.arrangement) return undefined
    const { depth, nests, shared } = this.arrangement
    const shrunk = new Map<Buffer, Shared & { to: Buffer }>()
    for (const [buffer, { low, high }] of shared) {
      const length = high - low + 1
      const users = nests.filter((n) => accessesOf(n).some((a) => a.buffer === buffer))
      const startsHere = users[0]!.write.buffer === buffer && !readsOf(users[0]!).includes(buffer)
      if (buffer.window || !startsHere || length >= buffer.length || !isOwn(buffer, users.length)) continue
      shrunk.set(buffer, { low, high, to: { name: buffer.name, dtype: buffer.dtype, length } })
    }
    const traffic = [...shared.keys()].reduce((sum, buffer) => sum + bufferBytes(buffer), 0)
    const saved = [...shrunk].reduce(
      (sum, [b, { to }]) => sum + (fullest.has(b) ? bufferBytes(b) - bufferBytes(to) : 0),
      0,
    )
    if (traffic < this.limits.leastTraffic && saved < this.limits.leastSaved) return undefined
    const access = (a: Access): Access => {
      const own = shrunk.get(a.buffer)
      if (!own) return a
      return {
        ...a,
        buffer: own.to,
        offset: a.offset - own.low,
        strides: a.strides.map((s, i) => (i < depth ? 0 : s)),
      }
    }
    return {
      kind: 'rows',
      depth,
      nests: nests.map((n) => ({
        ...n,
        reads: n.reads.map(access),
        post: { ...n.post, reads: n.post.reads.map(access) },
        write: access(n.write),
      })),
      nodes: [...new Set(this.kernels.flatMap((k) => k.nodes))],
    }
  }
}

/** Memory that a kernel reads and writes. */
interface Touched {
  readonly reads: ReadonlySet<Buffer>
  readonly writes: ReadonlySet<Buffer>
}

const touchedBy = (kernel: Kernel): Touched => ({
  reads: new Set(readsOf(kernel).map(memoryOf)),
  writes: new Set(writesOf(kernel).map(memoryOf)),
})

const meet = (a: ReadonlySet<Buffer>, b: ReadonlySet<Buffer>): boolean => [...a].some((x) => b.has(x))

const commute = (a: Touched, b: Touched): boolean =>
  !meet(a.writes, b.reads) && !meet(a.writes, b.writes) && !meet(a.reads, b.writes)

/**
 * Runs of nests that go over the same rows, each reading of the others only what stands in its own row, become kernels that
 * go over the rows once. What only they know shrinks to one block of rows.
 */
export function fuseRows(program: Program, limits = measured): Program {
  const users = countUsers(program.kernels)
  const fullest = aliveAtPeak(program)
  const ports = new Set([...program.inputs, ...program.outputs].map((port) => port.buffer))
  const isOwn = (buffer: Buffer, count: number): boolean => users.get(buffer) === count && !ports.has(buffer)
  const fuse = (kernels: readonly Kernel[]): Kernel[] => {
    const touched = kernels.map(touchedBy)
    const joined = new Set<number>()
    const result: Kernel[] = []
    kernels.forEach((kernel, at) => {
      if (joined.has(at)) return
      if (kernel.kind === 'loop') result.push({ ...kernel, body: fuse(kernel.body) })
      else if (kernel.kind === 'branch')
        result.push({ ...kernel, then: fuse(kernel.then), otherwise: fuse(kernel.otherwise) })
      else if (mayJoin(kernel)) {
        const group = new Group(kernel, limits)
        const taken: number[] = []
        const passed: Touched[] = []
        for (let i = at + 1; i < kernels.length && passed.length < reach; i++) {
          const next = kernels[i]!
          if (joined.has(i)) continue
          const free = mayJoin(next) && passed.every((p) => commute(p, touched[i]!))
          if (free && group.join(next)) taken.push(i)
          else passed.push(touched[i]!)
        }
        const rows = group.finish(isOwn, fullest)
        if (rows) taken.forEach((i) => joined.add(i))
        result.push(rows ?? kernel)
      } else result.push(kernel)
    })
    return result
  }
  return { ...program, kernels: fuse(program.kernels) }
}
