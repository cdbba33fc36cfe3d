import type { Access, TemplateAddress, TemplateKernel, TemplateRows, TemplateWalk } from '../program/program.ts'
import { splitLoops, type Walk } from './split.ts'

/** A template whose rows can be done in parts. */
export type RowsTemplate = TemplateKernel & { readonly rows: TemplateRows }

export const hasRows = (kernel: TemplateKernel): kernel is RowsTemplate => kernel.rows !== undefined

export const templateExtents = ({ rows }: RowsTemplate): number[] => rows.loops.map((l) => l.extent)

type Arguments = TemplateKernel['args']

const addressAt = (args: Arguments, name: string): TemplateAddress => args[name] as TemplateAddress

const accessOf = ({ args }: TemplateKernel, { argument, strides }: TemplateWalk): Access => ({
  ...addressAt(args, argument),
  strides: [...strides, 1],
})

function placeArguments(kernel: RowsTemplate, place: (access: Access) => Access): Arguments {
  const placed = kernel.rows.walks.map((walk) => {
    const { buffer, offset } = place(accessOf(kernel, walk))
    return [walk.argument, { buffer, offset }] as const
  })
  return { ...kernel.args, ...Object.fromEntries(placed) }
}

/** What the argument `argument` holds for these loops. */
const extentsOf = (loops: TemplateRows['loops'], argument: string): number =>
  loops.reduce((count, l) => (l.argument === argument ? count * l.extent : count), 1)

/** What the template reads and writes, with the loops over rows and what one iteration reaches. */
export const templateWalks = (kernel: RowsTemplate): Walk[] =>
  kernel.rows.walks.map((walk) => ({
    access: accessOf(kernel, walk),
    extents: [...templateExtents(kernel), walk.length],
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

/** The template with `extent` iterations of its loop `loop`, whose addresses `place` gives. */
export function limitTemplate(
  kernel: RowsTemplate,
  loop: number,
  extent: number,
  place: (access: Access) => Access,
): RowsTemplate {
  const { loops, walks } = kernel.rows
  const limited = { ...loops[loop]!, extent }
  const args = placeArguments(kernel, place)
  return {
    ...kernel,
    args: { ...args, [limited.argument]: extentsOf(loops.with(loop, limited), limited.argument) },
    rows: { loops: loops.with(loop, limited), walks },
    macs: (kernel.macs / loops[loop]!.extent) * extent,
  }
}

/** A call for what the first `depth` loops do in one iteration, whose addresses `place` gives. */
export function templateBlock(kernel: RowsTemplate, depth: number, place: (access: Access) => Access): TemplateKernel {
  const { loops, walks } = kernel.rows
  const kept = loops.slice(depth)
  const counts = loops.map(({ argument }) => [argument, extentsOf(kept, argument)] as const)
  const args = { ...placeArguments(kernel, place), ...Object.fromEntries(counts) }
  const places = new Map(walks.map(({ argument: i }) => [addressAt(kernel.args, i).buffer, addressAt(args, i).buffer]))
  const { rows: _, replaces, ...call } = kernel
  return {
    ...call,
    args,
    ...(replaces && { replaces: places.get(replaces)! }),
    macs: kernel.macs / loops.slice(0, depth).reduce((count, l) => count * l.extent, 1),
  }
}
