import { byteSize } from '../../core/scalar/dtype.ts'
import { bufferBytes } from '../memory/plan.ts'
import { inArena, readsOf, writesOf, type Buffer, type Kernel } from '../program/program.ts'
import {
  arrange,
  keepsVectors,
  limitLoop,
  nestByRows,
  rowExtents,
  shrink,
  templateByRows,
  alignLoops,
  walks,
  type Arrangement,
  type ByRows,
  type IsOwn,
  type Shrunk,
} from './groups.ts'
import { commonRows, divisorsOf, rowFootprint, rowsApart } from './split.ts'
import type { RowsTemplate } from './templates.ts'

export interface BlockLimits {
  /** Bytes that kernels leave for one another in a block: as many rows as stay below. */
  readonly blockBytes: number
  /** Rows from which on a product's weights, which each block reads again, are worth reading. */
  readonly leastRows: number
  /** Bytes that every block reads again, such as weights: what stays in the caches from block to block. */
  readonly mostOperands: number
  /** Bytes that blocks have to be shorter for, so that rows that are left over get kernels of their own. */
  readonly leastShorter: number
  /** Bytes that kernels leave for one another from which on blocks are worth their code. */
  readonly leastTraffic: number
  /** The same for bytes that are saved when memory is fullest. */
  readonly leastSaved: number
}

/** Rows that templates do at a time. */
const tileRows = 4

/** Lengths of blocks that are tried where none divides the rows. */
const mostTries = 64

/** A run of kernels that does a part of the rows, without its loops over them. */
export interface Part {
  readonly arrangement: Arrangement<ByRows>
  readonly shrunk: ReadonlyMap<Buffer, Shrunk>
}

/** A chain by blocks of rows. */
export interface Blocked {
  /** Extents of the loops around everything. */
  readonly outer: readonly number[]
  /** Whole blocks, in a loop of `count` within `outer` where there are several. */
  readonly blocks: Part
  readonly count: number
  /** The rows that are left, once in each iteration of `outer`. */
  readonly rest: Part | undefined
}

const product = (extents: readonly number[]): number => extents.reduce((a, b) => a * b, 1)

const shrunkBytes = ({ blocks }: Blocked): number =>
  [...blocks.shrunk.values()].reduce((sum, { to }) => sum + bufferBytes(to), 0)

/** Bytes of what products read in one block. */
const operandBytes = ({ arrangement: { kernels, depth }, shrunk }: Part): number =>
  kernels
    .filter(templateByRows)
    .flatMap((k) => walks(k).filter(({ access: { buffer } }) => !shrunk.has(buffer) && !writesOf(k).includes(buffer)))
    .reduce((sum, { access, extents }) => {
      const [low, high] = rowFootprint(access, extents, depth)
      return sum + (high - low + 1) * byteSize(access.buffer.dtype)
    }, 0)

/** Bytes that one iteration of the template's rows reads of what the chain has not `written`, which stays as long as it is. */
const foreignBytes = (kernel: RowsTemplate, written: ReadonlySet<Buffer>): number =>
  kernel.rows.walks.reduce((sum, { argument, length }) => {
    const a = kernel.args[argument]
    if (typeof a !== 'object' || !('buffer' in a) || written.has(a.buffer)) return sum
    return writesOf(kernel).includes(a.buffer) ? sum : sum + length * byteSize(a.buffer.dtype)
  }, 0)

/** A template and what follows it by the same rows, up to another template. */
export class Chain {
  readonly kernels: ByRows[]
  private members: readonly ByRows[]
  private rows: readonly number[]
  private readonly limits: BlockLimits
  /** Bytes that every block reads of what the chain does not write, however few rows it has. */
  private foreign: number

  constructor(first: RowsTemplate, limits: BlockLimits) {
    this.kernels = [first]
    this.members = [first]
    this.foreign = foreignBytes(first, new Set())
    this.rows = rowExtents(first).filter((extent) => extent > 1)
    this.limits = limits
  }

  /** Takes the kernel in if it can run row by row with the others. */
  join(kernel: Kernel): boolean {
    const written = new Set(this.kernels.flatMap(writesOf))
    const member = nestByRows(kernel) ? alignLoops(kernel, written) : templateByRows(kernel) ? kernel : undefined
    if (!member) return false
    const members = [...this.members, member]
    const common = commonRows(this.rows, rowExtents(member))
    for (let depth = common.length; depth > 0; depth--) {
      const rows = common.slice(0, depth)
      if (!arrange(members, rows)) continue
      this.kernels.push(kernel as ByRows)
      this.members = members
      this.rows = rows
      if (templateByRows(member)) this.foreign += foreignBytes(member, written)
      return true
    }
    return false
  }

  /** Whether each block, of this chain or a longer one, would read more than is worth reading again. */
  get readsTooMuch(): boolean {
    return this.foreign > this.limits.mostOperands
  }

  /**
   * The chain by blocks of as many rows as fit the limits, or of the fewest. Rows are left over where blocks that divide them
   * all would be much longer.
   */
  blocked(isOwn: IsOwn): Blocked | undefined {
    const { blockBytes, leastRows, leastShorter } = this.limits
    const last = this.rows.at(-1) ?? 0
    let even: Blocked | undefined
    for (const together of divisorsOf(last).reverse()) {
      const blocked = this.inBlocks(together, isOwn)
      even = blocked ?? even
      if (blocked && shrunkBytes(blocked) <= blockBytes) return blocked
    }
    const perRow = even ? (shrunkBytes(even) * product(even.outer) * even.count) / product(this.rows) : 0
    const fitting = perRow > 0 ? Math.min(blockBytes / perRow, last - 1) : last - 1
    const most = Math.max(leastRows, fitting - (fitting % tileRows))
    for (let together = most; together >= Math.max(leastRows, most - mostTries * tileRows); together -= tileRows) {
      const blocked = together < last ? this.inBlocks(together, isOwn) : undefined
      if (!blocked || (shrunkBytes(blocked) > blockBytes && together > leastRows)) continue
      return !even || shrunkBytes(even) - shrunkBytes(blocked) >= leastShorter ? blocked : even
    }
    return even
  }

  /** The chain with `together` iterations of its last loop over rows in a block. */
  private inBlocks(together: number, isOwn: IsOwn): Blocked | undefined {
    const last = this.rows.at(-1)!
    const outer = this.rows.slice(0, -1)
    const count = Math.floor(last / together)
    const left = last - count * together
    if (product(outer) * count === 1 && left === 0) return undefined
    const level = outer.length
    const whole = arrange(this.members, this.rows)!.kernels
    const part = (first: number, extent: number, rows: readonly number[]): Part | undefined => {
      const arrangement = arrange(
        whole.map((k) => limitLoop(k, level, first, extent)),
        rows,
      )
      const shrunk = arrangement && shrink(arrangement, isOwn)
      return shrunk && shrunk.size > 0 && keepsVectors(arrangement.kernels.filter(nestByRows), rows.length)
        ? { arrangement, shrunk }
        : undefined
    }
    const blocks = part(0, count * together, count > 1 ? [...outer, count] : outer)
    const rest = left > 0 ? part(count * together, left, outer) : undefined
    if (!blocks || !this.fillsTiles(blocks) || operandBytes(blocks) > this.limits.mostOperands || (left > 0 && !rest))
      return undefined
    if (rest && [...rest.shrunk.keys()].some((b) => !blocks.shrunk.has(b))) return undefined
    return { outer, blocks, count, rest }
  }

  /** Whether each template does enough rows at a time. */
  private fillsTiles({ arrangement }: Part): boolean {
    const { kernels, depth } = arrangement
    return kernels.every((k, i) => {
      const member = this.members[i]!
      if (!templateByRows(k) || !templateByRows(member)) return true
      const { extent, argument } = member.rows.loops.at(-1)!
      const rows = product(k.rows.loops.slice(depth).map((l) => (l.argument === argument ? l.extent : 1)))
      return rows === extent || (rows % tileRows === 0 && rows >= this.limits.leastRows)
    })
  }

  /** What the chain writes over rows, and operands that it has read in each row before: the former may take their place. */
  places(): { readonly result: Buffer; readonly operand: Buffer }[] {
    const written = [...new Set(this.kernels.flatMap((k) => writesOf(k)))]
    const read = [...new Set(this.kernels.flatMap((k) => readsOf(k)))].filter((b) => !written.includes(b))
    const whole = arrange(this.members, this.rows)!.kernels
    const knows = (buffer: Buffer) => (k: ByRows) => walks(k).some(({ access }) => access.buffer === buffer)
    const taken = new Set<Buffer>()
    return written.flatMap((result) => {
      const operand = read.find((b) => {
        if (taken.has(b)) return false
        if ([b, result].some((x) => x.window || !inArena(x)) || b.dtype !== result.dtype || b.length !== result.length)
          return false
        const both = whole.flatMap(walks).filter(({ access }) => [b, result].includes(access.buffer))
        const renamed = both.map((w) => ({ ...w, access: { ...w.access, buffer: result } }))
        return whole.findLastIndex(knows(b)) < whole.findIndex(knows(result)) && rowsApart(renamed, this.rows.length)
      })
      if (!operand) return []
      taken.add(operand)
      return [{ result, operand }]
    })
  }
}
