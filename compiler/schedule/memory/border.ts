import { arg, constant } from '../../core/scalar/expr.ts'
import { byteSize, isBigInt, type Scalar } from '../../core/scalar/dtype.ts'
import { nodesOf, type Graph, type Value } from '../../core/graph.ts'
import type { ConvolutionAttrs } from '../../core/ops/convolution.ts'
import { elementCount, rowMajorStrides, type Shape } from '../../core/shape.ts'
import { sameType } from '../../core/tensor.ts'
import { call } from '../program/call.ts'
import { channelsLastForm } from '../kernels/convolution-form.ts'
import { weightGradientForm } from '../kernels/weight-gradient-form.ts'
import { phasesOf, type Phase } from '../kernels/phases.ts'
import type { Access, Kernel } from '../program/program.ts'

/** Elements before and after each axis that hold `value`. */
export interface Border {
  readonly value: number
  readonly low: readonly number[]
  readonly high: readonly number[]
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

const widest = (a: Border, b: Border): Border => ({
  value: a.value,
  low: a.low.map((n, i) => Math.max(n, b.low[i]!)),
  high: a.high.map((n, i) => Math.max(n, b.high[i]!)),
})

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
    const before = wanted.get(value) ?? border
    if (before.value === border.value) wanted.set(value, widest(border, before))
  }
  alignBorders(graph, wanted)
  return wanted
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

/** Kernels that put `value` around the interior of a bordered tensor; `full` is its shape with the border. */
export function fillBorder(interior: Access, shape: Shape, full: Shape, value: number): Kernel[] {
  const { buffer } = interior
  const rank = shape.length
  const around = shape.map((d, i) => full[i]! - d)
  const spatialOnly = around[0] === 0 && around[rank - 1] === 0
  const bytes = byteSize(buffer.dtype)
  const byBytes = value === 0 || bytes === 1
  if ((rank !== 3 && rank !== 4) || !spatialOnly || !byBytes || shape.includes(0)) {
    return [
      fillKernel(
        { buffer, offset: 0, strides: [1] },
        [elementCount(full)],
        isBigInt(buffer.dtype) ? BigInt(value) : value,
      ),
    ]
  }
  const strides = rowMajorStrides(full)
  const image = strides[0]!
  const channels = shape[rank - 1]!
  const row = shape[rank - 2]! * channels
  const rows = rank === 4 ? shape[1]! : 1
  const gap = around[rank - 2]! * channels
  const last = interior.offset + (rank === 4 ? (rows - 1) * strides[1]! : 0) + row
  return Array.from({ length: shape[0]! }, (_, n) =>
    call(
      'fill_border',
      {
        p: { buffer, offset: n * image },
        value: value & 255,
        first: interior.offset * bytes,
        row: row * bytes,
        gap: gap * bytes,
        rows,
        tail: (image - last - gap) * bytes,
      },
      { nodes: [] },
    ),
  )
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
