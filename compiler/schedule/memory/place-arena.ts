import type { Life } from './plan.ts'
import type { Buffer } from '../program/program.ts'

export interface Arena {
  readonly offsets: ReadonlyMap<Buffer, number>
  readonly bytes: number
}

/** Rounds of repair: enough for every model seen. */
const repairRounds = 60

/** Neighbours that all placements of one plan may look at: a second or two. */
const mostVisits = 2 ** 24

type Order = (a: Life, b: Life) => number

const byTime: Order = (a, b) => a.first - b.first || b.bytes - a.bytes

/** For each buffer those that are alive with it; undefined where all lists together would be longer than `most`. */
function neighboursOf(lives: readonly Life[], most: number): Map<Life, Life[]> | undefined {
  const neighbours = new Map<Life, Life[]>(lives.map((life) => [life, []]))
  let alive: Life[] = []
  let length = 0
  for (const life of [...lives].sort(byTime)) {
    const still = alive.filter((l) => l.last >= life.first)
    length += 2 * still.length
    if (length > most) return undefined
    for (const other of still) {
      neighbours.get(other)!.push(life)
      neighbours.get(life)!.push(other)
    }
    alive = [...still, life]
  }
  return neighbours
}

/** Places buffers in the given order, each at the lowest offset that is free during its life. */
function place(order: readonly Life[], neighbours: ReadonlyMap<Life, readonly Life[]>): Arena {
  const offsets = new Map<Buffer, number>()
  let bytes = 0
  for (const life of order) {
    const taken: { start: number; end: number }[] = []
    for (const { buffer, bytes: length } of neighbours.get(life)!) {
      const start = offsets.get(buffer)
      if (start !== undefined) taken.push({ start, end: start + length })
    }
    taken.sort((a, b) => a.start - b.start)
    let offset = 0
    for (const { start, end } of taken) {
      if (offset + life.bytes <= start) break
      offset = Math.max(offset, end)
    }
    offsets.set(life.buffer, offset)
    bytes = Math.max(bytes, offset + life.bytes)
  }
  return { offsets, bytes }
}

/** Gaps that are looked at for a buffer before it goes to the end. */
const mostGaps = 1024

/** Places buffers in the order of time, each in one of the first gaps, whatever their number. */
function placeByTime(lives: readonly Life[]): Arena {
  const offsets = new Map<Buffer, number>()
  const ends = [...lives].sort((a, b) => a.last - b.last)
  /** Gaps by offset, none next to another. */
  const gaps: { start: number; end: number }[] = []
  let bytes = 0
  const free = (start: number, end: number): void => {
    let [low, high] = [0, gaps.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if (gaps[middle]!.start < start) low = middle + 1
      else high = middle
    }
    const [before, after] = [gaps[low - 1], gaps[low]]
    const from = before?.end === start ? before.start : start
    const to = after?.start === end ? after.end : end
    const first = from < start ? low - 1 : low
    gaps.splice(first, (from < start ? 1 : 0) + (to > end ? 1 : 0), { start: from, end: to })
  }
  let ended = 0
  for (const life of [...lives].sort(byTime)) {
    for (; ended < ends.length && ends[ended]!.last < life.first; ended++) {
      const { buffer, bytes: length } = ends[ended]!
      if (length > 0) free(offsets.get(buffer)!, offsets.get(buffer)! + length)
    }
    let at = 0
    while (at < gaps.length && at < mostGaps && gaps[at]!.end - gaps[at]!.start < life.bytes) at++
    if (at === mostGaps) at = gaps.length - 1
    const gap = gaps[at]
    if (gap && gap.end - gap.start >= life.bytes) {
      offsets.set(life.buffer, gap.start)
      gap.start += life.bytes
      if (gap.start === gap.end) gaps.splice(at, 1)
      continue
    }
    // What is free at the end grows with the arena.
    const start = gaps.at(-1)?.end === bytes ? gaps.pop()!.start : bytes
    offsets.set(life.buffer, start)
    bytes = start + life.bytes
  }
  return { offsets, bytes }
}

/**
 * The smallest of several greedy plans (by size, Pisarchyk & Lee 2020; by pressure; by life). While that is larger than
 * `lowerBound`, the buffer that ends highest is moved to the front of the order and the placement repeated. Where too
 * many buffers are alive together for that, the plan by time alone.
 */
export function placeArena(lives: readonly Life[], pressure: ReadonlyMap<Life, number>, lowerBound: number): Arena {
  const neighbours = neighboursOf(lives, mostVisits / 4)
  if (!neighbours) return placeByTime(lives)
  const visits = [...neighbours.values()].reduce((sum, list) => sum + list.length, lives.length)
  const length = (l: Life): number => l.last - l.first
  const orders: Order[] = [
    (a, b) => b.bytes - a.bytes || a.first - b.first,
    (a, b) => pressure.get(b)! - pressure.get(a)! || b.bytes - a.bytes || a.first - b.first,
    (a, b) => b.bytes * length(b) - a.bytes * length(a) || a.first - b.first,
    byTime,
  ]
  const rounds = Math.max(1, Math.min(repairRounds, Math.floor(mostVisits / visits / orders.length)))
  let best: Arena | undefined
  for (const compare of orders) {
    const order = [...lives].sort(compare)
    for (let round = 0; round < rounds && (!best || best.bytes > lowerBound); round++) {
      const arena = place(order, neighbours)
      if (!best || arena.bytes < best.bytes) best = arena
      const highest = order.findIndex((l) => arena.offsets.get(l.buffer)! + l.bytes === arena.bytes)
      if (highest <= 0) break
      order.unshift(...order.splice(highest, 1))
    }
  }
  return best!
}
