import type { Access, Buffer, Kernel, NestKernel } from '../program/program.ts'
import { buffersOf, inArena, memoryOf, writesOf } from '../program/program.ts'
import { renameBuffers } from '../program/rename.ts'

/** A copy at the end of a loop's body: the next value of a carried one, which the body reads at `state`. */
export type Copy = NestKernel

/** Whether each element of the kernel's result depends on the same element of `buffer` alone. */
export function isElementwise(kernel: Kernel, buffer: Buffer): boolean {
  if (kernel.kind !== 'nest' || kernel.reduced > 0 || kernel.sequential || kernel.accumulate) return false
  const { write, extents } = kernel
  const reads = [...kernel.reads, ...kernel.post.reads]
  const plain = [...reads, write].every((a) => !a.indirect)
  const same = (a: Access): boolean =>
    a.offset === write.offset && extents.every((d, i) => d === 1 || a.strides[i] === write.strides[i])
  return plain && reads.every((a) => a.buffer !== buffer || same(a))
}

/**
 * Whether `body` may compute into `state` what it computes into `next`: no kernel reads the old value once the first
 * has written the new one.
 */
function mayShare(body: readonly Kernel[], next: Buffer, state: Buffer): boolean {
  if (next.window || !inArena(next) || next.length !== state.length || next.dtype !== state.dtype) return false
  const touched = body.map(buffersOf)
  const moves = touched.flat().some((b) => b.window && [next, state].includes(memoryOf(b)))
  const first = body.findIndex((k) => writesOf(k).includes(next))
  if (moves || first < 0) return false
  const after = touched.slice(first + 1).flat()
  if (after.includes(state)) return false
  return !touched[first]!.includes(state) || isElementwise(body[first]!, state)
}

/** The body and its copies, without those whose value can be computed where it goes; `fixed` buffers stay where they are. */
export function withoutCopies(
  body: readonly Kernel[],
  copies: readonly Copy[],
  fixed: ReadonlySet<Buffer> = new Set(),
): Kernel[] {
  let kernels = [...body]
  let left = [...copies]
  for (const copy of copies) {
    const { buffer: state } = copy.write
    // An earlier copy of the same value may have given it another place.
    const { buffer: next } = left[left.findIndex((c) => c.write.buffer === state)]!.reads[0]!
    if (fixed.has(next) || copies.some((c) => c.write.buffer === next) || !mayShare(kernels, next, state)) continue
    const to = (b: Buffer): Buffer => (b === next ? state : b)
    kernels = kernels.map((k) => renameBuffers(k, to))
    left = left.filter((c) => c.write.buffer !== state).map((c) => renameBuffers(c, to) as Copy)
  }
  return [...kernels, ...left]
}
