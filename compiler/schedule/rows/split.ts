import { accessesOf, withLoops } from '../program/normalize-nest.ts'
import type { Access, NestKernel } from '../program/program.ts'

/** Extents of the loops that are not reduced. */
export const outputExtents = (nest: NestKernel): readonly number[] =>
  nest.extents.slice(0, nest.extents.length - nest.reduced)

const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b))

/** Ascending. */
export function divisorsOf(n: number): number[] {
  const small: number[] = []
  for (let i = 1; i * i <= n; i++) if (n % i === 0) small.push(i)
  return [...new Set([...small, ...small.map((i) => n / i).reverse()])]
}

/** The longest list of extents that the loops `a` and the loops `b`, split where necessary, both begin with. */
export function commonRows(a: readonly number[], b: readonly number[]): number[] {
  const common: number[] = []
  let [left, right] = [a, b]
  while (left.length > 0 && right.length > 0) {
    const [x, y] = [left[0]!, right[0]!]
    const shared = gcd(x, y)
    if (shared > 1) common.push(shared)
    if (shared !== x && shared !== y) break
    const rest = (loops: readonly number[], extent: number): readonly number[] =>
      extent === shared ? loops.slice(1) : [extent / shared, ...loops.slice(1)]
    left = rest(left, x)
    right = rest(right, y)
  }
  return common
}

/** One of the loops that a nest's or template's loop `loop` becomes: its iterations are `times` of that one's apart. */
interface SplitLoop {
  readonly extent: number
  readonly loop: number
  readonly times: number
}

/** Loops of these extents split so that the first have the extents `rows`, which `commonRows` gave. */
export function splitLoops(extents: readonly number[], rows: readonly number[]): SplitLoop[] {
  const loops = extents.map((extent, loop) => ({ extent, loop, times: 1 }))
  for (let i = 0; i < rows.length; i++) {
    while (loops[i]!.extent === 1) loops.splice(i, 1)
    const { extent, loop } = loops[i]!
    const rest = extent / rows[i]!
    if (rest > 1) loops.splice(i, 1, { extent: rows[i]!, loop, times: rest }, { extent: rest, loop, times: 1 })
  }
  return loops
}

/** The nest with its output loops split so. */
export function splitRows(nest: NestKernel, rows: readonly number[]): NestKernel {
  const loops = splitLoops(nest.extents, rows)
  return withLoops(
    nest,
    loops.map((l) => l.extent),
    nest.reduced,
    loops.map((l) => l.loop),
    loops.map((l) => l.times),
  )
}

/** What the nest does in its first row: the nest without its first `depth` loops. */
export function oneRow(nest: NestKernel, depth: number): NestKernel {
  const kept = nest.extents.map((_, i) => i).slice(depth)
  return withLoops(
    nest,
    kept.map((i) => nest.extents[i]!),
    nest.reduced,
    kept,
  )
}

/** The first and the last element that one row of the access touches. */
export function rowFootprint(access: Access, extents: readonly number[], depth: number): [number, number] {
  let [low, high] = [access.offset, access.offset]
  extents.slice(depth).forEach((extent, i) => {
    const span = (access.strides[depth + i] ?? 0) * (extent - 1)
    low += Math.min(0, span)
    high += Math.max(0, span)
  })
  return [low, high]
}

/** A place in memory that nests of one group share, by its accesses. */
export interface Shared {
  /** Elements that the first row touches. */
  readonly low: number
  readonly high: number
}

/** An access with the extents that it goes over. */
export interface Walk {
  readonly access: Access
  readonly extents: readonly number[]
}

/**
 * What the accesses of `nests`, all to one buffer, touch in a row, if that is apart from what they touch in every other row:
 * then rows may run one by one, through all nests each.
 */
export function rowsApart(accesses: readonly Walk[], depth: number): Shared | undefined {
  const first = accesses[0]!
  const strides = (a: Access): readonly number[] => a.strides.slice(0, depth)
  const rows = first.extents.slice(0, depth)
  const walk = strides(first.access)
  const alike = accesses.every(({ access }) => !access.indirect && strides(access).every((s, i) => s === walk[i]))
  if (!alike) return undefined
  const footprints = accesses.map(({ access, extents }) => rowFootprint(access, extents, depth))
  const low = Math.min(...footprints.map(([from]) => from))
  const high = Math.max(...footprints.map(([, to]) => to))
  let width = high - low + 1
  const loops = rows.map((extent, i) => ({ extent, stride: Math.abs(walk[i]!) })).sort((a, b) => a.stride - b.stride)
  for (const { extent, stride } of loops) {
    if (stride < width) return undefined
    width += stride * (extent - 1)
  }
  return { low, high }
}

/** The accesses of a nest with the extents they go over. */
export const walksOf = (nest: NestKernel): Walk[] =>
  accessesOf(nest).map((access) => ({ access, extents: nest.extents }))
