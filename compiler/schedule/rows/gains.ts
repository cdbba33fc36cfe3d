import { bufferBytes } from '../memory/plan.ts'
import { buffersOf, writesOf, type Buffer, type Kernel } from '../program/program.ts'
import type { IsOwn } from './groups.ts'

/** What a run of kernels by rows saves: bytes that kernels leave for one another, and bytes when memory is fullest. */
export interface Gain {
  readonly traffic: number
  readonly saved: number
}

/** What a run of kernels may save at most, as it grows: what its kernels write and no others know. */
export class Potential {
  private readonly counts = new Map<Buffer, number>()
  private readonly written = new Set<Buffer>()
  private readonly isOwn: IsOwn
  private readonly fullest: ReadonlySet<Buffer>
  readonly gain = { traffic: 0, saved: 0 }

  constructor(isOwn: IsOwn, fullest: ReadonlySet<Buffer>) {
    this.isOwn = isOwn
    this.fullest = fullest
  }

  add(kernel: Kernel): void {
    writesOf(kernel).forEach((buffer) => this.written.add(buffer))
    for (const buffer of new Set(buffersOf(kernel))) {
      const count = (this.counts.get(buffer) ?? 0) + 1
      this.counts.set(buffer, count)
      if (count < 2 || !this.written.has(buffer) || !this.isOwn(buffer, count)) continue
      this.gain.traffic += bufferBytes(buffer)
      if (this.fullest.has(buffer)) this.gain.saved += bufferBytes(buffer)
    }
  }
}

/** What a run of kernels may save at most that starts at a place in the list: all that it and the next `lookahead` write for others. */
export function windowGains(
  kernels: readonly Kernel[],
  lookahead: number,
  isOwn: IsOwn,
  fullest: ReadonlySet<Buffer>,
): (at: number) => Gain {
  const written = kernels.map((kernel): Gain => {
    const known = [...new Set(writesOf(kernel))].filter((b) => !isOwn(b, 1))
    const bytes = (buffers: readonly Buffer[]): number => buffers.reduce((sum, b) => sum + bufferBytes(b), 0)
    return { traffic: bytes(known), saved: bytes(known.filter((b) => fullest.has(b))) }
  })
  const sums: Gain[] = [{ traffic: 0, saved: 0 }]
  for (const { traffic, saved } of written) {
    const sum = sums.at(-1)!
    sums.push({ traffic: sum.traffic + traffic, saved: sum.saved + saved })
  }
  return (at) => {
    const [from, to] = [sums[at]!, sums[Math.min(at + lookahead, kernels.length)]!]
    return { traffic: to.traffic - from.traffic, saved: to.saved - from.saved }
  }
}
