import { arg, constant } from '../core/expr.ts'
import { byteSize, type Scalar } from '../core/dtype.ts'
import { nodesOf, type Graph, type Value } from '../core/graph.ts'
import { elementCount, rowMajorStrides, type Shape } from '../core/shape.ts'
import { channelsLastForm } from './convolution-form.ts'
import { phasesOf, type Phase } from './phases.ts'
import type { Access, Kernel } from './program.ts'

/** Elements of zeros before and after each axis. */
export interface Border {
  readonly low: readonly number[]
  readonly high: readonly number[]
}

export const isEmptyBorder = (b: Border): boolean => [...b.low, ...b.high].every((n) => n === 0)

/** The border that a channels-last convolution wants around its input, batch and channel axes included. */
export function convolutionBorder(window: readonly { low: number; high: number }[]): Border {
  const side = (pick: (w: { low: number; high: number }) => number): number[] => [
    0,
    ...window.map((w) => Math.max(0, pick(w))),
    0,
  ]
  return { low: side((w) => w.low), high: side((w) => w.high) }
}

const widest = (a: Border, b: Border): Border => ({
  low: a.low.map((n, i) => Math.max(n, b.low[i]!)),
  high: a.high.map((n, i) => Math.max(n, b.high[i]!)),
})

/** The border that contains those of a transposed convolution's phases. */
export const convolutionBorders = (combinations: readonly Phase[][]): Border =>
  combinations.map((phases) => convolutionBorder(phases.map((phase) => phase.window))).reduce(widest)

/** For each value the border that contains all the borders its convolutions want. */
export function borderRequirements(graph: Graph): Map<Value, Border> {
  const wanted = new Map<Value, Border>()
  for (const node of nodesOf(graph)) {
    if (node.op !== 'convolution') continue
    const form = channelsLastForm(node)
    if (!form) continue
    const phases = phasesOf(node)
    if (!phases && node.attrs.window.some((w) => w.baseDilation > 1)) continue
    const border = phases ? convolutionBorders(phases) : convolutionBorder(node.attrs.window)
    if (isEmptyBorder(border)) continue
    const value = node.operands[0]!
    wanted.set(value, widest(border, wanted.get(value) ?? border))
  }
  return wanted
}

/** Kernels that zero what surrounds the interior of a bordered tensor; `full` is its shape with the border. */
export function zeroBorder(interior: Access, shape: Shape, full: Shape): Kernel[] {
  const { buffer } = interior
  const rank = shape.length
  const around = shape.map((d, i) => full[i]! - d)
  const spatialOnly = around[0] === 0 && around[rank - 1] === 0
  if ((rank !== 3 && rank !== 4) || !spatialOnly || shape.includes(0)) return [fill(interior, full)]
  const bytes = byteSize(buffer.dtype)
  const strides = rowMajorStrides(full)
  const image = strides[0]!
  const channels = shape[rank - 1]!
  const row = shape[rank - 2]! * channels
  const rows = rank === 4 ? shape[1]! : 1
  const gap = around[rank - 2]! * channels
  const last = interior.offset + (rank === 4 ? (rows - 1) * strides[1]! : 0) + row
  return Array.from({ length: shape[0]! }, (_, n) => ({
    kind: 'template',
    template: 'zero_border',
    args: [
      { buffer, offset: n * image },
      interior.offset * bytes,
      row * bytes,
      gap * bytes,
      rows,
      (image - last - gap) * bytes,
    ],
    holes: {},
    reads: [],
    writes: [buffer],
    macs: 0,
    nodes: [],
  }))
}

/** Zeroes all of a tensor's buffer. */
function fill(interior: Access, full: Shape): Kernel {
  const { buffer } = interior
  const count = elementCount(full)
  return fillKernel({ buffer, offset: 0, strides: [1] }, [count], 0)
}

export const fillKernel = (write: Access, extents: Shape, value: Scalar): Kernel => ({
  kind: 'nest',
  extents,
  reduced: 0,
  body: constant(value, write.buffer.dtype),
  reads: [],
  post: { expr: arg(0, write.buffer.dtype), reads: [] },
  write,
  nodes: [],
})
