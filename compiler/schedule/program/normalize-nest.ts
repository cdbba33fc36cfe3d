import type { Access, NestKernel } from './program.ts'

/** Every access of a nest, loaded indices included. */
export function accessesOf(kernel: NestKernel): Access[] {
  return [...kernel.reads, ...kernel.post.reads, kernel.write].flatMap((a) => [
    a,
    ...(a.indirect ?? []).map((i) => i.index),
  ])
}

/** The same nest with its loops replaced: `pick` gives for each new loop the old one it walks like, `times` how far. */
export function withLoops(
  kernel: NestKernel,
  extents: readonly number[],
  reduced: number,
  pick: readonly number[],
  times: readonly number[] = pick.map(() => 1),
): NestKernel {
  const access = (a: Access): Access => ({
    ...a,
    strides: pick.map((loop, i) => (a.strides[loop] ?? 0) * times[i]!),
    ...(a.indirect && { indirect: a.indirect.map((i) => ({ ...i, index: access(i.index) })) }),
  })
  return {
    ...kernel,
    extents,
    reduced,
    reads: kernel.reads.map(access),
    post: { ...kernel.post, reads: kernel.post.reads.map(access) },
    write: access(kernel.write),
  }
}

/**
 * An equal nest with the fewest loops: loops of one iteration go, output loops are ordered by the stride of `outerKey` (the
 * write) and reduced loops by the stride of the first read (unless iterations must run in order), and neighbours that
 * every access walks as one become one.
 */
export function normalizeNest(kernel: NestKernel, outerKey = kernel.write): NestKernel {
  const outputs = kernel.extents.length - kernel.reduced
  const order = (loops: number[], key: Access | undefined): number[] => {
    const kept = loops.filter((i) => kernel.extents[i] !== 1)
    if (kernel.sequential || !key) return kept
    return kept.sort((a, b) => Math.abs(key.strides[b] ?? 0) - Math.abs(key.strides[a] ?? 0) || a - b)
  }
  const all = kernel.extents.map((_, i) => i)
  const outer = order(all.slice(0, outputs), outerKey)
  const inner = order(all.slice(outputs), kernel.reads[0])
  const accesses = accessesOf(kernel)
  const merge = (loops: number[]): { extent: number; loop: number }[] => {
    const merged: { extent: number; loop: number }[] = []
    for (const loop of loops) {
      const previous = merged[merged.length - 1]
      const extent = kernel.extents[loop]!
      const joins =
        previous && accesses.every((a) => (a.strides[previous.loop] ?? 0) === (a.strides[loop] ?? 0) * extent)
      if (joins) merged[merged.length - 1] = { extent: previous.extent * extent, loop }
      else merged.push({ extent, loop })
    }
    return merged
  }
  const mergedOuter = merge(outer)
  const mergedInner = merge(inner)
  const loops = [...mergedOuter, ...mergedInner]
  return withLoops(
    kernel,
    loops.map((l) => l.extent),
    mergedInner.length,
    loops.map((l) => l.loop),
  )
}

/** The nest with output loop `loop` made the last of the output loops. */
export function moveInnermost(kernel: NestKernel, loop: number): NestKernel {
  const outputs = kernel.extents.length - kernel.reduced
  const all = kernel.extents.map((_, i) => i)
  const order = [...all.slice(0, outputs).filter((i) => i !== loop), loop, ...all.slice(outputs)]
  return withLoops(
    kernel,
    order.map((i) => kernel.extents[i]!),
    kernel.reduced,
    order,
  )
}
