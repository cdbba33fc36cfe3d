import { arg, constant } from '../../core/scalar/expr.ts'
import { byteSize, isBigInt, type Scalar } from '../../core/scalar/dtype.ts'
import { nodesOf, type Graph, type Node, type NodeOf, type Value } from '../../core/graph.ts'
import type { ConvolutionAttrs } from '../../core/ops/convolution.ts'
import type { Shape } from '../../core/shape.ts'
import { sameType } from '../../core/tensor.ts'
import { call } from '../program/call.ts'
import { channelsLastForm } from '../kernels/convolution-form.ts'
import { badDistance } from '../kernels/fused-tiles.ts'
import { weightGradientForm } from '../kernels/weight-gradient-form.ts'
import { phasesOf, type Phase } from '../kernels/phases.ts'
import type { Access, Buffer, Kernel } from '../program/program.ts'

/** Elements before and after each axis that hold `value`. */
export interface Border {
  readonly value: number
  readonly low: readonly number[]
  readonly high: readonly number[]
  /** Elements that hold anything, behind each pixel and behind each row. */
  readonly gap?: Gap
}

interface Gap {
  readonly pixel: number
  readonly row: number
}

export const emptyBorder = (rank: number): Border => {
  const none = new Array<number>(rank).fill(0)
  return { value: 0, low: none, high: none }
}

export const isEmptyBorder = (b: Border): boolean => [...b.low, ...b.high].every((n) => n === 0)

/** The border that a channels-last convolution wants around its input, batch and channel axes included. */
export function convolutionBorder({ window, padValue = 0 }: Pick<ConvolutionAttrs, 'window' | 'padValue'>): Border {
  const side = (pick: (w: { low: number; high: number }) => number): number[] => [
    0,
    ...window.map((w) => Math.max(0, pick(w))),
    0,
  ]
  return { value: padValue, low: side((w) => w.low), high: side((w) => w.high) }
}

function widest(a: Border, b: Border): Border {
  const gap = a.gap ?? b.gap
  return {
    value: a.value,
    low: a.low.map((n, i) => Math.max(n, b.low[i]!)),
    high: a.high.map((n, i) => Math.max(n, b.high[i]!)),
    ...(gap && { gap }),
  }
}

/** Bytes of a line of the first-level cache, and of as many lines as may stand at distances of a power of two. */
const [lineBytes, cacheBytes] = [64, 1 << 15]

/**
 * A depthwise convolution goes along rows for a few channels at a time, and comes back to their lines of the cache for the next: pixels
 * that stand a power of two apart share few of its sets. Where one row goes beyond the cache its pixels get a line between them, else its rows.
 */
function gapFor(node: NodeOf<'convolution'>, border: Border): Gap | undefined {
  const form = channelsLastForm(node)
  const [x] = node.operands
  const { shape, dtype } = x!.type
  if (!form || dtype !== 'f32' || shape.length !== 4 || form.groups === 1) return undefined
  if (form.groups !== form.channels || form.outputs !== form.channels) return undefined
  const pixel = form.channels * byteSize(dtype)
  if (pixel % (4 * lineBytes) !== 0) return undefined
  const line = lineBytes / byteSize(dtype)
  const row = (shape[2]! + border.low[2]! + border.high[2]!) * pixel
  return row > cacheBytes ? { pixel: line, row: 0 } : { pixel: 0, row: line }
}

/** Where a tensor stands within its border. */
export interface Bordered {
  /** Elements in all. */
  readonly length: number
  /** Its first element. */
  readonly offset: number
  readonly strides: readonly number[]
}

export function bordered(shape: Shape, { low, high, gap }: Border): Bordered {
  const full = shape.map((d, i) => d + low[i]! + high[i]!)
  const rank = shape.length
  const strides = new Array<number>(rank)
  let length = 1
  for (let i = rank - 1; i >= 0; i--) {
    strides[i] = length
    length *= full[i]!
    if (gap && i === rank - 1) length += gap.pixel
    if (gap && i === rank - 2) length += gap.row
  }
  return { length, offset: low.reduce((sum, n, i) => sum + n * strides[i]!, 0), strides }
}

/** The border that contains those of a transposed convolution's phases. */
export const convolutionBorders = (attrs: ConvolutionAttrs, combinations: readonly Phase[][]): Border =>
  combinations
    .map((phases) => convolutionBorder({ ...attrs, window: phases.map((phase) => phase.window) }))
    .reduce(widest)

/**
 * For each value the border that contains the borders its convolutions want, of those that agree with the first on what it
 * holds.
 */
export function borderRequirements(graph: Graph): Map<Value, Border> {
  const wanted = new Map<Value, Border>()
  for (const node of nodesOf(graph)) {
    if (node.op !== 'convolution') continue
    const form = channelsLastForm(node) ?? weightGradientForm(node)
    if (!form) continue
    const phases = phasesOf(node)
    if (!phases && node.attrs.window.some((w) => w.baseDilation > 1)) continue
    const border = phases ? convolutionBorders(node.attrs, phases) : convolutionBorder(node.attrs)
    if (isEmptyBorder(border)) continue
    const value = node.operands[0]!
    const gap = gapFor(node, border)
    const own = gap ? { ...border, gap } : border
    const before = wanted.get(value) ?? own
    if (before.value === own.value) wanted.set(value, widest(own, before))
  }
  alignBorders(graph, wanted)
  for (const [value, border] of pixelsApart(graph)) if (!wanted.has(value)) wanted.set(value, border)
  return wanted
}

/**
 * What pointwise convolutions read, with a line between pixels that would stand whole KiB apart: several at a time share lines of
 * the cache there. Only what a convolution or a map computes for convolutions and maps alone: others may want it without gaps.
 */
function pixelsApart(graph: Graph): Map<Value, Border> {
  const nodes = nodesOf(graph)
  const isPlain = ({ op }: Node): boolean => op === 'convolution' || op === 'map'
  const readElsewhere = new Set(nodes.filter((node) => !isPlain(node)).flatMap(({ operands }) => operands))
  for (const { value } of graph.outputs) readElsewhere.add(value)
  const apart = new Map<Value, Border>()
  for (const node of nodes) {
    const form = node.op === 'convolution' ? channelsLastForm(node) : undefined
    const [x] = node.operands
    if (!form || form.groups > 1 || form.kernelHeight * form.kernelWidth > 1) continue
    const { dtype, shape } = x!.type
    const bytes = form.channels * byteSize(dtype)
    if (dtype !== 'f32' || shape.length !== 4 || bytes % badDistance !== 0 || form.outHeight * form.outWidth < 16)
      continue
    if (!isPlain(x!.node) || readElsewhere.has(x!)) continue
    apart.set(x!, { ...emptyBorder(shape.length), gap: { pixel: lineBytes / byteSize(dtype), row: 0 } })
  }
  return apart
}

/** Whether `a` is `b` or more. */
export const contains = (a: Border, b: Border): boolean =>
  a.value === b.value && b.low.every((n, i) => n <= a.low[i]!) && b.high.every((n, i) => n <= a.high[i]!)

/** Gives the result of a map the border of an operand that ends there, where that contains its own: it may then take its place. */
function alignBorders(graph: Graph, wanted: Map<Value, Border>): void {
  const nodes = nodesOf(graph)
  const lastUser = new Map(nodes.flatMap((node) => node.operands.map((operand) => [operand, node] as const)))
  const outputs = new Set(graph.outputs.map(({ value }) => value))
  for (const node of nodes) {
    const [result] = node.results
    const own = node.op === 'map' ? wanted.get(result!) : undefined
    if (!own) continue
    const replaced = node.operands.find((operand) => {
      const border = wanted.get(operand)
      if (!border || !contains(border, own) || !sameType(operand.type, result!.type)) return false
      return lastUser.get(operand) === node && !outputs.has(operand)
    })
    if (replaced) wanted.set(result!, wanted.get(replaced)!)
  }
}

/** Kernels that put `value` around the interior of a tensor that stands as `place` says within `border`. */
export function fillBorder(buffer: Buffer, shape: Shape, border: Border, place: Bordered): Kernel[] {
  const { value, low, high } = border
  const { length, offset, strides } = place
  const rank = shape.length
  const outer = low[0]! + high[0]! + low[rank - 1]! + high[rank - 1]!
  const bytes = byteSize(buffer.dtype)
  const byBytes = value === 0 || bytes === 1
  const known = byBytes || buffer.dtype === 'f32'
  if ((rank !== 3 && rank !== 4) || outer !== 0 || !known || shape.includes(0)) {
    return [fillKernel({ buffer, offset: 0, strides: [1] }, [length], isBigInt(buffer.dtype) ? BigInt(value) : value)]
  }
  const image = strides[0]!
  const row = shape[rank - 2]! * strides[rank - 2]!
  const rows = rank === 4 ? shape[1]! : 1
  const gap = rank === 4 ? strides[1]! - row : 0
  const last = offset + (rows - 1) * (row + gap) + row
  return Array.from({ length: shape[0]! }, (_, n) => {
    const args = {
      p: { buffer, offset: n * image },
      first: offset * bytes,
      row: row * bytes,
      gap: gap * bytes,
      rows,
      tail: (image - last - gap) * bytes,
    }
    return byBytes
      ? call('fill_border', { ...args, value: value & 255 }, { nodes: [] })
      : call('f32_fill_border', { ...args, value }, { nodes: [] })
  })
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
