import { aliveAtPeak, bufferBytes, peakBytes } from './plan-memory.ts'
import { windowOf, writesOf } from './program.ts'
import type { Access, Buffer, Counter, Kernel, Program } from './program.ts'
import {
  arrange,
  commute,
  keepsVectors,
  nestByRows,
  ownership,
  placeAccesses,
  rowExtents,
  shrink,
  templateByRows,
  touchedBy,
  towards,
  type Arrangement,
  type ByRows,
  type Shrunk,
} from './row-groups.ts'
import { commonRows, oneRow } from './split-rows.ts'
import { templateBlock, type RowsTemplate } from './template-rows.ts'
import { countUsers } from './users.ts'

export interface BlockLimits {
  /** Bytes that kernels leave for one another in a block, as many rows as stay below. */
  readonly blockBytes: number
  /** Rows from which on a product's weights, which each block reads again, are worth reading. */
  readonly leastRows: number
  /** Bytes that kernels leave for one another from which on blocks are worth their code. */
  readonly leastTraffic: number
  /** The same for bytes that are saved when memory is fullest. */
  readonly leastSaved: number
}

export const measuredBlocks: BlockLimits = { blockBytes: 2 ** 15, leastRows: 16, leastTraffic: 2 ** 20, leastSaved: 2 ** 12 }

/** Rows that templates do at a time. */
const tileRows = 4

/** Kernels between the first and the last of a chain that have nothing to do with it. */
const reach = 16

/** Bytes that a longer chain has to save over a shorter one. */
const leastMore = 2 ** 12

/** Times that memory is looked at where it is fullest. */
const mostRounds = 8

/** A chain by blocks of rows. */
interface Blocked {
  readonly arrangement: Arrangement<ByRows>
  readonly rows: readonly number[]
  readonly shrunk: ReadonlyMap<Buffer, Shrunk>
}

const product = (extents: readonly number[]): number => extents.reduce((a, b) => a * b, 1)

const shrunkBytes = ({ shrunk }: Blocked): number =>
  [...shrunk.values()].reduce((sum, { to }) => sum + bufferBytes(to), 0)

/** A template and what follows it by the same rows, up to another template. */
class Chain {
  readonly kernels: ByRows[]
  private members: readonly ByRows[]
  private rows: readonly number[]
  private readonly limits: BlockLimits

  constructor(first: RowsTemplate, limits: BlockLimits) {
    this.kernels = [first]
    this.members = [first]
    this.rows = rowExtents(first).filter((extent) => extent > 1)
    this.limits = limits
  }

  /** Takes the kernel in if it can run row by row with the others. */
  join(kernel: Kernel): boolean {
    const written = new Set(this.kernels.flatMap(writesOf))
    const member = nestByRows(kernel) ? towards(kernel, written) : templateByRows(kernel) ? kernel : undefined
    if (!member) return false
    const members = [...this.members, member]
    const common = commonRows(this.rows, rowExtents(member))
    for (let depth = common.length; depth > 0; depth--) {
      const rows = common.slice(0, depth)
      if (!arrange(members, rows)) continue
      this.kernels.push(kernel as ByRows)
      this.members = members
      this.rows = rows
      return true
    }
    return false
  }

  /** The chain by blocks of as many rows as fit the limits, of the fewest where none do. */
  blocks(isOwn: (buffer: Buffer, users: number) => boolean): Blocked | undefined {
    const last = this.rows.at(-1)!
    let best: Blocked | undefined
    for (let together = last; together > 0; together--) {
      if (last % together !== 0) continue
      const rows = [...this.rows.slice(0, -1), last / together].filter((extent) => extent > 1)
      const blocked = rows.length > 0 ? this.blocked(rows, isOwn) : undefined
      if (!blocked) continue
      best = blocked
      if (shrunkBytes(blocked) <= this.limits.blockBytes) break
    }
    return best
  }

  private blocked(rows: readonly number[], isOwn: (buffer: Buffer, users: number) => boolean): Blocked | undefined {
    const arrangement = arrange(this.members, rows)
    if (!arrangement) return undefined
    const { kernels, depth } = arrangement
    const enough = kernels.filter(templateByRows).every((k, i) => {
      const { extent, argument } = this.members.filter(templateByRows)[i]!.rows.loops.at(-1)!
      const left = product(k.rows.loops.slice(depth).map((l) => (l.argument === argument ? l.extent : 1)))
      return left === extent || (left % tileRows === 0 && left >= this.limits.leastRows)
    })
    const shrunk = shrink(arrangement, isOwn)
    if (!enough || shrunk.size === 0 || !keepsVectors(kernels.filter(nestByRows), depth)) return undefined
    return { arrangement, rows, shrunk }
  }
}

/** Loops over the blocks, one within the other. */
function loopsOf({ arrangement, rows, shrunk }: Blocked): Kernel {
  const { kernels, depth } = arrangement
  const nodes = [...new Set(kernels.flatMap((k) => k.nodes))]
  const counters = rows.map((_, i): Counter => ({ name: `${nodes[0] ?? 'rows'}/${i}` }))
  // One window for accesses that move alike, so that rows within a block can be compared.
  const windows = new Map<Buffer, Map<string, Buffer>>()
  const windowed = (buffer: Buffer, steps: readonly number[]): Buffer => {
    const known = windows.get(buffer) ?? new Map<string, Buffer>()
    windows.set(buffer, known)
    const key = steps.join()
    const window =
      known.get(key) ?? steps.reduce((of, step, i) => (step === 0 ? of : windowOf(of, counters[i]!, 0, step)), buffer)
    known.set(key, window)
    return window
  }
  const place = (a: Access): Access => {
    const own = shrunk.get(a.buffer)
    const strides = a.strides.map((s, i) => (i < depth ? 0 : s))
    return own
      ? { ...a, buffer: own.to, offset: a.offset - own.low, strides }
      : { ...a, buffer: windowed(a.buffer, a.strides.slice(0, depth)), strides }
  }
  const body = kernels.map((k): Kernel =>
    k.kind === 'nest' ? oneRow(placeAccesses(k, place), depth) : templateBlock(k, depth, place),
  )
  return counters.reduceRight<readonly Kernel[]>(
    (inner, counter, i) => [{ kind: 'loop', counter, trips: rows[i]!, body: inner, nodes }],
    body,
  )[0]!
}

/** What a chain saves: bytes that kernels leave for one another, and bytes when memory is fullest. */
interface Gain {
  readonly traffic: number
  readonly saved: number
}

function gainOf({ shrunk }: Blocked, fullest: ReadonlySet<Buffer>): Gain {
  let [traffic, saved] = [0, 0]
  for (const [buffer, { to }] of shrunk) {
    traffic += bufferBytes(buffer)
    if (fullest.has(buffer)) saved += bufferBytes(buffer) - bufferBytes(to)
  }
  return { traffic, saved }
}

interface Found {
  /** Where in the list of kernels the chain ends. */
  readonly end: number
  readonly worth: number
  /** What takes the place of the kernels up to there. */
  readonly kernels: readonly Kernel[]
}

/** The chain from the template at `at` on that is worth most, if any is worth something. */
function chainFrom(
  kernels: readonly Kernel[],
  at: number,
  limits: BlockLimits,
  isOwn: (buffer: Buffer, users: number) => boolean,
  worthOf: (blocked: Blocked) => number,
): Found | undefined {
  const first = kernels[at]!
  if (!templateByRows(first)) return undefined
  const chain = new Chain(first, limits)
  const own = [touchedBy(first)]
  const passed: Kernel[] = []
  let best: Found | undefined
  for (let i = at + 1; i < kernels.length && passed.length < reach; i++) {
    const kernel = kernels[i]!
    const touched = touchedBy(kernel)
    if (own.every((t) => commute(t, touched))) {
      passed.push(kernel)
      continue
    }
    if (!chain.join(kernel)) break
    own.push(touched)
    const blocked = templateByRows(kernel) ? chain.blocks(isOwn) : undefined
    const worth = blocked ? worthOf(blocked) : 0
    if (blocked && worth > 0 && worth >= (best?.worth ?? 0) + leastMore)
      best = { end: i, worth, kernels: [...passed, loopsOf(blocked)] }
  }
  return best
}

/** The program with the chains that are worth something as loops where their last kernel stood; undefined where none is. */
function blockChains(program: Program, limits: BlockLimits, worthOf: (gain: Gain) => number): Program | undefined {
  const isOwn = ownership(countUsers(program.kernels), [...program.inputs, ...program.outputs])
  const fullest = aliveAtPeak(program)
  let changed = false
  const block = (kernels: readonly Kernel[]): Kernel[] => {
    const result: Kernel[] = []
    for (let at = 0; at < kernels.length; at++) {
      const kernel = kernels[at]!
      const found = chainFrom(kernels, at, limits, isOwn, (blocked) => worthOf(gainOf(blocked, fullest)))
      if (found) {
        result.push(...found.kernels)
        at = found.end
        changed = true
      } else if (kernel.kind === 'loop') result.push({ ...kernel, body: block(kernel.body) })
      else if (kernel.kind === 'branch')
        result.push({ ...kernel, then: block(kernel.then), otherwise: block(kernel.otherwise) })
      else result.push(kernel)
    }
    return result
  }
  const kernels = block(program.kernels)
  return changed ? { ...program, kernels } : undefined
}

/**
 * Runs of kernels from one product to another that go over the same rows, such as attention and multi-layer perceptrons, become loops over
 * blocks of rows. What only they know shrinks to one block.
 */
export function blockRows(program: Program, limits = measuredBlocks): Program {
  const { leastTraffic, leastSaved } = limits
  let best = program
  let peak = peakBytes(program)
  const withLess = blockChains(program, limits, ({ traffic }) => (traffic >= leastTraffic ? traffic : 0))
  if (withLess && peakBytes(withLess) <= peak) {
    best = withLess
    peak = peakBytes(withLess)
  }
  // When one moment is less full, another is the fullest; only the last round may show what all of them save.
  let next: Program | undefined = best
  for (let round = 0; round < mostRounds && next; round++) {
    next = blockChains(next, limits, ({ saved }) => (saved >= leastSaved ? saved : 0))
    if (!next || peakBytes(next) > peak - leastSaved) continue
    best = next
    peak = peakBytes(next)
  }
  return best
}
