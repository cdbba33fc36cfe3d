import { byteSize } from '../../core/scalar/dtype.ts'
import { normalizeNest } from '../program/normalize-nest.ts'
import { aliveAtPeak, bufferBytes } from '../memory/plan.ts'
import type { Access, Buffer, Kernel, NestKernel, Program, RowsKernel } from '../program/program.ts'
import {
  arrange,
  commute,
  keepsVectors,
  nestByRows,
  ownership,
  placeAccesses,
  shrink,
  touchedBy,
  alignLoops,
  type Arrangement,
  type Touched,
} from './groups.ts'
import { windowGains } from './gains.ts'
import { commonRows, divisorsOf, outputExtents, type Shared } from './split.ts'
import { countUsers } from '../program/users.ts'

/** Kernels that a nest may overtake to come to its group. */
const lookahead = 8

/** Nests of a group: what it takes to look at one grows with the square of this. */
const longest = 24

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

const product = (extents: readonly number[]): number => extents.reduce((a, b) => a * b, 1)

const blockBytes = (shared: ReadonlyMap<Buffer, Shared>): number =>
  [...shared].reduce((sum, [buffer, { low, high }]) => sum + (high - low + 1) * byteSize(buffer.dtype), 0)

/** The nests by blocks of rows, as many together as make loops of some length; undefined where that does not pay. */
function blocks(
  nests: readonly NestKernel[],
  rows: readonly number[],
  { blockElements }: RowLimits,
): Arrangement<NestKernel> | undefined {
  const last = rows.at(-1)!
  const most = Math.max(...nests.map((n) => product(n.extents))) / product(rows)
  for (const together of divisorsOf(last)) {
    if (together < last && most * together < blockElements) continue
    const outer = [...rows.slice(0, -1), ...(together < last ? [last / together] : [])]
    const arrangement = outer.length > 0 ? arrange(nests, outer) : undefined
    if (!arrangement) return undefined
    return keepsVectors(arrangement.kernels, outer.length) && blockBytes(arrangement.shared) <= mostBlockBytes
      ? arrangement
      : undefined
  }
  return undefined
}

class Group {
  readonly kernels: NestKernel[]
  private nests: readonly NestKernel[]
  private rows: readonly number[]
  private arrangement: Arrangement<NestKernel> | undefined
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
    const nest = alignLoops(kernel, new Set(this.kernels.map((k) => k.write.buffer)))
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
    const { depth, kernels: nests, shared } = this.arrangement
    const shrunk = shrink(this.arrangement, isOwn)
    const traffic = [...shared.keys()].reduce((sum, buffer) => sum + bufferBytes(buffer), 0)
    const saved = [...shrunk].reduce(
      (sum, [b, { to }]) => sum + (fullest.has(b) ? bufferBytes(b) - bufferBytes(to) : 0),
      0,
    )
    if (traffic < this.limits.leastTraffic && saved < this.limits.leastSaved) return undefined
    const place = (a: Access): Access => {
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
      nests: nests.map((n) => placeAccesses(n, place)),
      nodes: [...new Set(this.kernels.flatMap((k) => k.nodes))],
    }
  }
}

/**
 * Runs of nests that go over the same rows, each reading of the others only what stands in its own row, become kernels that
 * go over the rows once. What only they know shrinks to one block of rows.
 */
export function fuseRows(program: Program, limits = measured): Program {
  const isOwn = ownership(countUsers(program.kernels), [...program.inputs, ...program.outputs])
  const fullest = aliveAtPeak(program)
  const fuse = (kernels: readonly Kernel[]): Kernel[] => {
    const touched = kernels.map(touchedBy)
    const mostFrom = windowGains(kernels, longest + lookahead, isOwn, fullest)
    const joined = new Set<number>()
    const result: Kernel[] = []
    kernels.forEach((kernel, at) => {
      if (joined.has(at)) return
      if (kernel.kind === 'loop') result.push({ ...kernel, body: fuse(kernel.body) })
      else if (kernel.kind === 'branch')
        result.push({ ...kernel, then: fuse(kernel.then), otherwise: fuse(kernel.otherwise) })
      else if (nestByRows(kernel)) {
        const group = new Group(kernel, limits)
        const taken: number[] = []
        const passed: Touched[] = []
        const { traffic, saved } = mostFrom(at)
        const mayPay = traffic >= limits.leastTraffic || saved >= limits.leastSaved
        const end = mayPay ? Math.min(kernels.length, at + longest + lookahead) : at
        for (let i = at + 1; i < end && passed.length < lookahead; i++) {
          const next = kernels[i]!
          if (joined.has(i)) continue
          const free = nestByRows(next) && passed.every((p) => commute(p, touched[i]!))
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
