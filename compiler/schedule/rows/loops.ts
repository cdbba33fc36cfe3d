import { windowOf, type Access, type Buffer, type Counter, type Kernel } from '../program/program.ts'
import type { Blocked, Part } from './chain.ts'
import { placeAccesses } from './groups.ts'
import { oneRow } from './split.ts'
import { templateBlock } from './templates.ts'

/** What moves with the loops around a part: windows, one for accesses that move alike, so that rows within it can be compared. */
class Windows {
  private readonly made = new Map<Buffer, Map<string, Buffer>>()
  private readonly counters: readonly Counter[]

  constructor(counters: readonly Counter[]) {
    this.counters = counters
  }

  /** The buffer that moves by so many elements with each loop. */
  of(buffer: Buffer, steps: readonly number[]): Buffer {
    const known = this.made.get(buffer) ?? new Map<string, Buffer>()
    this.made.set(buffer, known)
    const key = steps.join()
    const window =
      known.get(key) ??
      steps.reduce((of, step, i) => (step === 0 ? of : windowOf(of, this.counters[i]!, 0, step)), buffer)
    known.set(key, window)
    return window
  }
}

/** A part's kernels for one iteration of the loops around it. */
function bodyOf({ arrangement, shrunk }: Part, counters: readonly Counter[]): Kernel[] {
  const { kernels, depth } = arrangement
  const windows = new Windows(counters)
  const place = (a: Access): Access => {
    const own = shrunk.get(a.buffer)
    return own
      ? { ...a, buffer: own.to, offset: a.offset - own.low }
      : { ...a, buffer: windows.of(a.buffer, a.strides.slice(0, depth)) }
  }
  return kernels.map((k) =>
    k.kind === 'nest' ? oneRow(placeAccesses(k, place), depth) : templateBlock(k, depth, place),
  )
}

/** Loops over the blocks, one within the other. */
export function loopsOver({ outer, blocks, count, rest }: Blocked): Kernel[] {
  const nodes = [...new Set(blocks.arrangement.kernels.flatMap((k) => k.nodes))]
  const counters = [...outer, count].map((_, i): Counter => ({ name: `${nodes[0] ?? 'rows'}/${i}` }))
  const loop = (counter: Counter, trips: number, body: readonly Kernel[]): readonly Kernel[] => [
    { kind: 'loop', counter, trips, body, nodes },
  ]
  const whole = bodyOf(blocks, counters)
  const inner = [
    ...(count > 1 ? loop(counters.at(-1)!, count, whole) : whole),
    ...(rest ? bodyOf(rest, counters.slice(0, -1)) : []),
  ]
  return [...outer.reduceRight<readonly Kernel[]>((body, trips, i) => loop(counters[i]!, trips, body), inner)]
}
