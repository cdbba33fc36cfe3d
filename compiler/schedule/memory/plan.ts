import { byteSize } from '../../core/scalar/dtype.ts'
import { formatExpr } from '../../core/scalar/expr.ts'
import { leastSavedByHalves, type HalfFormat } from '../../core/scalar/half.ts'
import { hash } from '../../core/bytes/hash.ts'
import { observedPlan } from '../program/observe.ts'
import {
  buffersOf,
  constantBytes,
  inArena,
  memoryOf,
  readsOf,
  writesOf,
  type Access,
  type Buffer,
  type Home,
  type Kernel,
  type Program,
} from '../program/program.ts'
import { align } from './align.ts'
import { codedGroups, type CodedRegion } from './entropy-coding.ts'
import { halved, type HalfRegion } from './halves.ts'
import { placeArena, type Arena } from './place-arena.ts'

/** What stands between buffers of a guarded plan, so that a stray write is seen. */
const guardBytes = 256

/** Kernels may read this far beyond a buffer's end. */
export const readableTail = 32

export interface MemoryPlan {
  /** Byte address of each buffer. */
  readonly addresses: ReadonlyMap<Buffer, number>
  /** What memory is loaded with from address 0 on: constants, then what pinned buffers start as, then zeros for prepared ones. */
  readonly image: Uint8Array
  /** Of that, f32 that are loaded as floats of 16 bits, and made f32 before anything runs. */
  readonly halves: readonly HalfRegion[]
  /** And constants that are loaded as codes, and decoded before anything runs. */
  readonly coded: readonly PlacedRegion[]
  readonly constantBytes: number
  /** Bytes of pinned buffers, behind the constants. */
  readonly pinnedBytes: number
  /** Bytes of prepared buffers, behind these. */
  readonly preparedBytes: number
  /** Bytes shared by activations, behind them. */
  readonly arenaBytes: number
  /** Largest sum of bytes alive at one time: no arena is smaller. */
  readonly lowerBound: number
  /** Bytes of the arena that are alive during each kernel, at its fullest moment. */
  readonly live: readonly number[]
  /** Everything, the readable tail included. */
  readonly totalBytes: number
}

/** Codes at an address, which those of the region are from, and how many bytes of the file they save. */
export interface PlacedRegion extends CodedRegion {
  readonly address: number
  readonly saved: number
}

export const bufferBytes = (b: Buffer): number => b.length * byteSize(b.dtype)

/** An arena buffer between the positions of the first and the last kernel that know it. */
export interface Life {
  readonly buffer: Buffer
  readonly bytes: number
  first: number
  last: number
}

interface Liveness {
  readonly lives: Life[]
  /** How many there are. */
  readonly positions: number
  /** Those of each kernel of the program, with what it holds. */
  readonly spans: readonly { readonly first: number; readonly last: number }[]
}

/**
 * When each arena buffer is first written and last read, in positions of the kernels as they stand in the tree; inputs
 * live from the start, outputs to the end. The branches of one kernel stand one after the other, so they share memory.
 */
function liveness(program: Program): Liveness {
  const lives = new Map<Buffer, Life>()
  const touch = (named: Buffer, at: number): void => {
    const buffer = memoryOf(named)
    if (!inArena(buffer)) return
    const life = lives.get(buffer)
    if (life) life.last = Math.max(life.last, at)
    else lives.set(buffer, { buffer, bytes: align(bufferBytes(buffer)), first: at, last: at })
  }
  program.inputs.forEach((port) => touch(port.buffer, -1))
  let next = 0
  /** Inner loops first. */
  const loops: { kernel: Kernel; first: number; last: number }[] = []
  const visit = (kernel: Kernel): void => {
    const first = next++
    if (kernel.kind === 'loop') {
      kernel.body.forEach(visit)
      const last = next++
      for (const buffer of [kernel.condition, kernel.index, kernel.count]) {
        if (buffer) [first, last].forEach((at) => touch(buffer, at))
      }
      loops.push({ kernel, first, last })
    } else if (kernel.kind === 'branch') {
      touch(kernel.condition.buffer, first)
      kernel.then.forEach(visit)
      kernel.otherwise.forEach(visit)
    } else for (const buffer of [...writesOf(kernel), ...readsOf(kernel)]) touch(buffer, first)
  }
  const spans = program.kernels.map((kernel) => {
    const first = next
    visit(kernel)
    return { first, last: next - 1 }
  })
  program.outputs.forEach((port) => touch(port.buffer, next))
  // What comes into a loop or goes out of it is needed in all its iterations.
  for (const { kernel, first, last } of loops) {
    for (const buffer of buffersOf(kernel)) {
      const life = lives.get(memoryOf(buffer))
      if (!life || (life.first >= first && life.last <= last)) continue
      life.first = Math.min(life.first, first)
      life.last = Math.max(life.last, last)
    }
  }
  return { lives: [...lives.values()], positions: next, spans }
}

/** Says of positions in `values` which of them from `first` to `last` is the greatest: a table of runs of each power of two. */
function greatestIn(values: readonly number[]): (first: number, last: number) => number {
  const runs: number[][] = [[...values]]
  for (let width = 1; 2 * width <= values.length; width *= 2) {
    const half = runs.at(-1)!
    runs.push(Array.from({ length: values.length - 2 * width + 1 }, (_, i) => Math.max(half[i]!, half[i + width]!)))
  }
  return (first, last) => {
    const level = 31 - Math.clz32(last - first + 1)
    const run = runs[level]!
    return Math.max(run[first]!, run[last + 1 - 2 ** level]!)
  }
}

/** Bytes alive with `life` at the fullest moment of its life: buffers at the peak are placed first. */
function pressures(lives: readonly Life[], kernels: number): Map<Life, number> {
  const greatest = greatestIn(liveBytes(lives, kernels))
  return new Map(lives.map((l) => [l, greatest(l.first + 1, l.last + 1)]))
}

/** Buffers that are alive at a moment when memory is fullest. */
export function aliveAtPeak(program: Program): Set<Buffer> {
  const { lives, positions } = liveness(program)
  const pressure = pressures(lives, positions)
  const peak = [...pressure.values()].reduce((a, b) => Math.max(a, b), 0)
  return new Set(lives.filter((l) => pressure.get(l) === peak).map((l) => l.buffer))
}

/** Largest sum of bytes alive at one time, whatever the plan. */
export function peakBytes(program: Program): number {
  const { lives, positions } = liveness(program)
  return liveBytes(lives, positions).reduce((a, b) => Math.max(a, b), 0)
}

/** Bytes alive before the first kernel, during each, and after the last. */
function liveBytes(lives: readonly Life[], kernels: number): number[] {
  const change = new Array<number>(kernels + 3).fill(0)
  for (const { first, last, bytes } of lives) {
    change[first + 1]! += bytes
    change[last + 2]! -= bytes
  }
  let live = 0
  return change.map((delta) => (live += delta))
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a === b) return true
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

/** Bytes that a module is loaded with, and where. */
interface Loaded {
  readonly address: number
  readonly data: Uint8Array
}

/** Equal constants, which stand in one place. */
interface Constant {
  readonly data: Uint8Array
  /** Of the first of them. */
  readonly type: string
  readonly buffers: Buffer[]
}

/** The constants among `buffers`. Those with one hash are compared exactly. */
function distinctConstants(buffers: Iterable<Buffer>): Constant[] {
  const constants: Constant[] = []
  const byContent = new Map<string, Constant[]>()
  for (const buffer of buffers) {
    const data = constantBytes(buffer)
    if (!data) continue
    const key = hash([data])
    const twins = byContent.get(key) ?? []
    const twin = twins.find((t) => sameBytes(t.data, data))
    if (twin) {
      twin.buffers.push(buffer)
      continue
    }
    const constant = { data, type: buffer.dtype, buffers: [buffer] }
    byContent.set(key, [...twins, constant])
    constants.push(constant)
  }
  return constants
}

interface Placed {
  readonly end: number
  readonly loaded: readonly Loaded[]
  readonly halves: readonly HalfRegion[]
  readonly coded: readonly PlacedRegion[]
}

/**
 * Puts constants one after the other from address 0, equal ones once. Those that are loaded as halves come last, format by format, and
 * behind them those that are loaded as codes, region by region.
 */
function placeConstants(buffers: Iterable<Buffer>, addresses: Map<Buffer, number>, entropyCode: boolean): Placed {
  const constants = distinctConstants(buffers)
  const asHalf = halvedConstants(constants)
  const isHalf = (constant: Constant): boolean => asHalf.some(({ members }) => members.has(constant))
  const groups = entropyCode ? codedGroups(constants.filter((constant) => !isHalf(constant))) : []
  const isCoded = new Set<Constant>(groups.flatMap(({ members }) => members))
  const loaded: Loaded[] = []
  let end = 0
  const place = ({ data, buffers: equal }: Constant): void => {
    equal.forEach((buffer) => addresses.set(buffer, end))
    end += align(data.length)
  }
  for (const constant of constants) {
    if (isHalf(constant) || isCoded.has(constant)) continue
    loaded.push({ address: end, data: constant.data })
    place(constant)
  }
  const halves = asHalf.map(({ format, members }): HalfRegion => {
    const address = end
    const bytes = [...members.keys()].reduce((sum, { data }) => sum + align(data.length), 0)
    for (const [constant, half] of members) {
      loaded.push({ address: address + bytes / 2 + (end - address) / 2, data: half })
      place(constant)
    }
    return { format, address, bytes }
  })
  const coded = groups.map(({ members, coded: { data, region, saved } }): PlacedRegion => {
    const address = end
    loaded.push({ address, data })
    members.forEach(place)
    return { ...region, address, saved }
  })
  return { end, loaded, halves, coded }
}

interface Halved {
  readonly format: HalfFormat
  readonly members: ReadonlyMap<Constant, Uint8Array>
}

/** The constants that are loaded as floats of 16 bits, by format, and those. */
function halvedConstants(constants: readonly Constant[]): Halved[] {
  const found = new Map<HalfFormat, { readonly members: Map<Constant, Uint8Array>; saved: number }>()
  for (const constant of constants) {
    // Whoever reads equal bytes as another type gets them all the same.
    const half = constant.buffers.some(({ dtype }) => dtype === 'f32') ? halved(constant.data) : undefined
    if (!half) continue
    const known = found.get(half.format) ?? { members: new Map<Constant, Uint8Array>(), saved: 0 }
    known.members.set(constant, half.data)
    known.saved += half.saved
    found.set(half.format, known)
  }
  return [...found].flatMap(([format, { members, saved }]) => (saved < leastSavedByHalves ? [] : [{ format, members }]))
}

/** Each buffer apart from all others, with guards around it, whatever its life. */
function placeApart(lives: readonly Life[]): Arena {
  const offsets = new Map<Buffer, number>()
  let bytes = guardBytes
  for (const life of lives) {
    offsets.set(life.buffer, bytes)
    bytes += life.bytes + guardBytes
  }
  return { offsets, bytes }
}

/** The buffers that `program` uses. */
function usedBy(program: Program): Set<Buffer> {
  const ports = [...program.inputs, ...program.outputs].map(({ buffer }) => buffer)
  const states = program.states.map(({ buffer }) => buffer)
  const kernels = [...(program.prepared ?? []), ...program.kernels]
  return new Set([...states, ...kernels.flatMap(buffersOf), ...ports].map(memoryOf))
}

/** Where a pinned buffer stands that is the state of this name in several programs. */
const statesByName = ({ states }: Program): Map<Buffer, string> =>
  new Map(states.map(({ name, buffer }) => [buffer, name]))

/** Texts that are equal where prepared buffers are filled alike, from constants that have their addresses. */
function preparedForms({ prepared = [] }: Program, addresses: ReadonlyMap<Buffer, number>): Map<Buffer, string> {
  const forms = new Map<Buffer, string>()
  const place = ({ offset, strides }: Access, at: number | undefined): unknown => [at, offset, strides]
  for (const { extents, body, reads, post, write } of prepared) {
    const from = reads.map((read) => place(read, addresses.get(read.buffer)))
    const form = [extents, formatExpr(body), from, formatExpr(post.expr), place(write, write.buffer.length)]
    forms.set(write.buffer, (forms.get(write.buffer) ?? '') + JSON.stringify(form))
  }
  return forms
}

interface PlanOptions {
  readonly guarded?: boolean
  readonly entropyCode?: boolean | undefined
}

/** The plan of one program. */
export const planMemory = (program: Program, options: PlanOptions = {}): MemoryPlan =>
  planTogether([program], options)[0]!

/**
 * Addresses for the buffers of programs that stand in one module, of which one runs at a time: constants from 0, equal ones once, then each
 * pinned buffer, states of the same name at one place, each prepared one, equal ones once, then an arena for all else, at the same place for all.
 * With `guarded` nothing in the arena shares memory, and `guardBytes` that nobody writes stand between its buffers. With `entropyCode` constants
 * are loaded as codes where that takes fewer bytes.
 */
export function planTogether(
  programs: readonly Program[],
  { guarded = false, entropyCode = false }: PlanOptions = {},
): MemoryPlan[] {
  const addresses = new Map<Buffer, number>()
  const uses = programs.map(usedBy)
  const {
    end: ofConstants,
    loaded: constants,
    halves,
    coded,
  } = placeConstants(
    uses.flatMap((used) => [...used]),
    addresses,
    entropyCode,
  )
  const loaded = [...constants]
  let end = ofConstants
  /** Gives a place to those of `kind`; what has an equal name in two programs has one place. */
  const placeAll = (kind: Home['kind'], named: (program: Program) => ReadonlyMap<Buffer, string>): number => {
    const begin = end
    const places = new Map<string, number>()
    programs.forEach((program, i) => {
      const names = named(program)
      for (const buffer of uses[i]!) {
        const { home } = buffer
        if (home.kind !== kind) continue
        const name = names.get(buffer)
        const known = name === undefined ? undefined : places.get(name)
        addresses.set(buffer, known ?? end)
        if (known !== undefined) continue
        if (name !== undefined) places.set(name, end)
        if (home.kind === 'pinned' && home.data) loaded.push({ address: end, data: home.data })
        end += align(bufferBytes(buffer))
      }
    })
    return end - begin
  }
  const pinnedBytes = placeAll('pinned', statesByName)
  const preparedBytes = placeAll('prepared', (program) => preparedForms(program, addresses))
  const image = new Uint8Array(end)
  for (const { address, data } of loaded) image.set(data, address)
  return programs.map((program) => {
    const { lives, positions: kernels, spans } = liveness(program)
    const bytes = liveBytes(lives, kernels)
    const lowerBound = bytes.reduce((a, b) => Math.max(a, b), 0)
    const greatest = greatestIn(bytes)
    const arena = guarded ? placeApart(lives) : placeArena(lives, pressures(lives, kernels), lowerBound)
    arena.offsets.forEach((offset, buffer) => addresses.set(buffer, end + offset))
    return observedPlan(program, {
      addresses,
      image,
      halves,
      coded,
      constantBytes: ofConstants,
      pinnedBytes,
      preparedBytes,
      arenaBytes: arena.bytes,
      lowerBound,
      live: spans.map(({ first, last }) => greatest(first + 1, last + 1)),
      totalBytes: end + arena.bytes + readableTail,
    })
  })
}
