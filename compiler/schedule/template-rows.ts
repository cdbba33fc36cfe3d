import type { Access, Buffer, TemplateAddress, TemplateArgument, TemplateKernel, TemplateRows } from './program.ts'
import { splitLoops, type Walk } from './split-rows.ts'

/** A template whose rows can be done in parts. */
export type RowsTemplate = TemplateKernel & { readonly rows: TemplateRows }

export const hasRows = (kernel: TemplateKernel): kernel is RowsTemplate => kernel.rows !== undefined

export const templateExtents = ({ rows }: RowsTemplate): number[] => rows.loops.map((l) => l.extent)

const accessOf = ({ args }: TemplateKernel, argument: number, strides: readonly number[]): Access => {
  const { buffer, offset } = args[argument] as TemplateAddress
  return { buffer, offset, strides: [...strides, 1] }
}

/** What the template reads and writes, with the loops over rows and what one iteration reaches. */
export const templateWalks = (kernel: RowsTemplate): Walk[] =>
  kernel.rows.walks.map(({ argument, strides, length }) => ({
    access: accessOf(kernel, argument, strides),
    extents: [...templateExtents(kernel), length],
  }))

/** The template with its loops split so that the first have the extents `rows`, which `commonRows` gave. */
export function splitTemplate(kernel: RowsTemplate, rows: readonly number[]): RowsTemplate {
  const { loops, walks } = kernel.rows
  const split = splitLoops(templateExtents(kernel), rows)
  return {
    ...kernel,
    rows: {
      loops: split.map(({ extent, loop }) => ({ extent, argument: loops[loop]!.argument })),
      walks: walks.map((w) => ({ ...w, strides: split.map(({ loop, times }) => w.strides[loop]! * times) })),
    },
  }
}

/** A call for what the first `depth` loops do in one iteration, whose addresses `place` gives. */
export function templateBlock(kernel: RowsTemplate, depth: number, place: (access: Access) => Access): TemplateKernel {
  const { loops, walks } = kernel.rows
  const placed = new Map<Buffer, Buffer>()
  const args: TemplateArgument[] = [...kernel.args]
  for (const { argument, strides } of walks) {
    const access = accessOf(kernel, argument, strides)
    const { buffer, offset } = place(access)
    placed.set(access.buffer, buffer)
    args[argument] = { buffer, offset }
  }
  const kept = loops.slice(depth)
  for (const { argument } of loops) {
    args[argument] = kept.reduce((count, l) => (l.argument === argument ? count * l.extent : count), 1)
  }
  const parts = loops.slice(0, depth).reduce((count, l) => count * l.extent, 1)
  const { rows: _, replaces, ...whole } = kernel
  const to = (buffer: Buffer): Buffer => placed.get(buffer)!
  return {
    ...whole,
    args,
    reads: kernel.reads.map(to),
    writes: kernel.writes.map(to),
    ...(replaces && { replaces: to(replaces) }),
    macs: kernel.macs / parts,
  }
}
