import { byteSize } from '../core/dtype.ts'
import { placeArena } from './place-arena.ts'
import { buffersOf, memoryOf, readsOf, writesOf, type Buffer, type Kernel, type Program } from './program.ts'

/** Buffers start at multiples of this many bytes, so that vectors of unit stride are aligned. */
const alignment = 16

/** Kernels may read this far beyond a buffer's end. */
export const readableTail = 32

export interface MemoryPlan {
  /** Byte address of each buffer. */
  readonly addresses: ReadonlyMap<Buffer, number>
  /** Initial contents from address 0: all constants. */
  readonly constants: Uint8Array
  /** Bytes shared by activations, behind the constants. */
  readonly arenaBytes: number
  /** Largest sum of bytes alive at one time: no arena is smaller. */
  readonly lowerBound: number
  /** Everything, the readable tail included. */
  readonly totalBytes: number
}

export const align = (n: number): number => Math.ceil(n / alignment) * alignment
export const bufferBytes = (b: Buffer): number => b.length * byteSize(b.dtype)

/** An arena buffer between the positions of the first and the last kernel that know it. */
export interface Life {
  readonly buffer: Buffer
  readonly bytes: number
  first: number
  last: number
}

/**
 * When each arena buffer is first written and last read, in positions of the kernels as they stand in the tree; inputs
 * live from the start, outputs to the end. The branches of one kernel stand one after the other, so they share memory.
 */
function liveness(program: Program): { lives: Life[]; positions: number } {
  const lives = new Map<Buffer, Life>()
  const touch = (named: Buffer, at: number): void => {
    const buffer = memoryOf(named)
    if (buffer.data) return
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
  program.kernels.forEach(visit)
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
  return { lives: [...lives.values()], positions: next }
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

/** Text that is equal for equal bytes; a hash would do, but constants are compared once and exactly. */
function contentKey(bytes: Uint8Array): string {
  let hash = 0x811c9dc5
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193)
  return `${bytes.length}:${hash}`
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a === b) return true
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

/** Addresses for the buffers of `program`: constants from 0, equal ones once, then one arena for all else. */
export function planMemory(program: Program): MemoryPlan {
  const addresses = new Map<Buffer, number>()
  const constants: { address: number; data: Uint8Array }[] = []
  const byContent = new Map<string, { address: number; data: Uint8Array }[]>()
  let end = 0
  const used = [...program.kernels.flatMap(buffersOf), ...program.outputs.map((port) => port.buffer)].map(memoryOf)
  for (const buffer of used) {
    if (!buffer.data || addresses.has(buffer)) continue
    const key = contentKey(buffer.data)
    const twins = byContent.get(key) ?? []
    let constant = twins.find((t) => sameBytes(t.data, buffer.data!))
    if (!constant) {
      constant = { address: end, data: buffer.data }
      byContent.set(key, [...twins, constant])
      constants.push(constant)
      end += align(buffer.data.length)
    }
    addresses.set(buffer, constant.address)
  }
  const { lives, positions: kernels } = liveness(program)
  const lowerBound = liveBytes(lives, kernels).reduce((a, b) => Math.max(a, b), 0)
  const arena = placeArena(lives, pressures(lives, kernels), lowerBound)
  arena.offsets.forEach((offset, buffer) => addresses.set(buffer, end + offset))
  const image = new Uint8Array(end)
  for (const { address, data } of constants) image.set(data, address)
  return {
    addresses,
    constants: image,
    arenaBytes: arena.bytes,
    lowerBound,
    totalBytes: end + arena.bytes + readableTail,
  }
}
