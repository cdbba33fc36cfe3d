import { Builder } from '../../core/builder.ts'
import type { Executor } from '../../core/executor.ts'
import type { Graph, NodeOf, Value } from '../../core/graph.ts'
import { freeAxes } from '../../core/ops/dot-general.ts'
import { windowShape } from '../../core/ops/window.ts'
import { elementCount, rowMajorStrides } from '../../core/shape.ts'
import type { Progress, Sample } from '../calibrate.ts'
import type { Layer } from '../layers.ts'

/** Σ x xᵀ over all x that a layer's weights are multiplied by, and where each weight stands in them. */
export interface SecondMoments {
  /** Each has an x of its own, and as many of the output channels as any other. */
  readonly groups: number
  /** Elements of x. */
  readonly terms: number
  /** [groups][terms][terms]. */
  readonly sums: Float64Array
  /** The element of x that weight i of the tensor is multiplied by. */
  readonly term: (i: number) => number
}

/** Larger matrices take too long to factor; all together must fit into memory. */
const mostTerms = 2048
const mostElements = 1 << 24
/** Elements of windows that are laid out side by side. */
const mostWindowElements = 1 << 24

interface Site {
  /** f32 [groups][terms][terms]. */
  readonly value: Value
  readonly groups: number
  readonly terms: number
  /** Of each axis of the weights, how far apart in x its neighbours stand; 0 for channels. */
  readonly strides: readonly number[]
}

/** Products of all pairs of elements along `kept` of x, in each place along `batch`, summed over its other axes. */
function pairs(b: Builder, x: Value, kept: readonly number[], batch: readonly number[] = []) {
  const size = (axes: readonly number[]): number => elementCount(axes.map((i) => x.type.shape[i]!))
  const others = x.type.shape.map((_, i) => i).filter((i) => !kept.includes(i) && !batch.includes(i))
  const sums = b.dotGeneral(x, x, { lhsBatch: batch, rhsBatch: batch, lhsContract: others, rhsContract: others })
  const [groups, terms] = [size(batch), size(kept)]
  return { value: b.reshape(sums, [groups, terms, terms]), groups, terms }
}

function ofProduct(node: NodeOf<'dot_general'>, operand: number): Site | undefined {
  const { lhsBatch, lhsContract, rhsBatch, rhsContract } = node.attrs
  const x = node.operands[1 - operand]!
  const weights = node.operands[operand]!
  const [own, others] = operand === 1 ? [rhsContract, lhsContract] : [lhsContract, rhsContract]
  const terms = elementCount(others.map((i) => x.type.shape[i]!))
  if (lhsBatch.length + rhsBatch.length > 0 || terms > mostTerms) return undefined
  if (freeAxes(weights.type.shape.length, [], own).length !== 1) return undefined
  const kept = [...others].sort((i, j) => i - j)
  const apart = rowMajorStrides(kept.map((i) => x.type.shape[i]!))
  const strides = weights.type.shape.map((_, axis) => {
    const at = own.indexOf(axis)
    return at < 0 ? 0 : apart[kept.indexOf(others[at]!)]!
  })
  return { ...pairs(new Builder(node.origin), x, kept), strides }
}

function ofConvolution({ operands, attrs, origin }: NodeOf<'convolution'>): Site | undefined {
  const [x, weights] = operands as [Value, Value]
  const { lhs, rhs, window, groups, padValue } = attrs
  const { shape } = x.type
  const channels = shape[lhs.feature]!
  const inputs = channels / groups
  const sizes = window.map(({ size }) => size)
  const terms = elementCount(sizes) * inputs
  const positions = windowShape(
    lhs.spatial.map((i) => shape[i]!),
    window,
  )
  const plain = !padValue && window.every((w) => w.baseDilation === 1 && w.low >= 0 && w.high >= 0)
  const elements = shape[lhs.batch]! * elementCount(positions) * terms * groups
  if (!plain || terms > mostTerms || elements > mostWindowElements) return undefined
  const b = new Builder(origin)
  const spatial = (of: (i: number) => number, other: (axis: number) => number): number[] =>
    shape.map((_, axis) => {
      const i = lhs.spatial.indexOf(axis)
      return i < 0 ? other(axis) : of(i)
    })
  const none = (): number => 0
  const padded = b.pad(
    x,
    b.scalar(0, 'f32'),
    spatial((i) => window[i]!.low, none),
    spatial((i) => window[i]!.high, none),
  )
  const apart = rowMajorStrides(sizes)
  const taps = Array.from({ length: elementCount(sizes) }, (_, tap) =>
    b.slice(
      padded,
      spatial((i) => (Math.floor(tap / apart[i]!) % sizes[i]!) * window[i]!.dilation, none),
      spatial(
        (i) => positions[i]!,
        (axis) => shape[axis]!,
      ),
      spatial(
        (i) => window[i]!.stride,
        () => 1,
      ),
    ),
  )
  const strides = weights.type.shape.map((_, axis) => {
    if (axis === rhs.input) return 1
    const i = rhs.spatial.indexOf(axis)
    return i < 0 ? 0 : apart[i]! * inputs
  })
  const windows = b.concatenate(taps, lhs.feature)
  if (groups === 1) return { ...pairs(b, windows, [lhs.feature]), strides }
  // Channels of all groups stand side by side at each tap.
  const at = lhs.feature
  const apartByGroup = b.reshape(
    windows,
    [...shape.keys()].flatMap((axis) => {
      const size = windows.type.shape[axis]!
      return axis === at ? [taps.length, groups, inputs] : [size]
    }),
  )
  return { ...pairs(b, apartByGroup, [at, at + 2], [at + 1]), strides }
}

function siteOf({ node, weights }: Layer): Site | undefined {
  if (!weights || weights.axis === undefined) return undefined
  if (node.op === 'convolution') return ofConvolution(node)
  return node.op === 'dot_general' ? ofProduct(node, weights.operand) : undefined
}

/** Of those of `layers` that multiply their weights by few enough elements, in floats on the samples. */
export async function secondMoments(
  graph: Graph,
  layers: readonly Layer[],
  samples: readonly Sample[],
  executor: Executor,
  progress: Progress,
): Promise<Map<Layer, SecondMoments>> {
  const sites: { layer: Layer; site: Site; sums: Float64Array }[] = []
  let elements = 0
  for (const layer of layers) {
    const site = siteOf(layer)
    const size = site ? site.groups * site.terms * site.terms : 0
    if (!site || elements + size > mostElements) continue
    elements += size
    sites.push({ layer, site, sums: new Float64Array(size) })
  }
  if (sites.length === 0) return new Map()
  const outputs = sites.map(({ site }, i) => ({ name: `moments${i}`, value: site.value }))
  const run = await executor.prepare({ inputs: graph.inputs, outputs })
  for (const [s, sample] of samples.entries()) {
    progress('inputs of layers', s, samples.length)
    const results = run(sample)
    for (const [i, { sums }] of sites.entries()) {
      const own = results[`moments${i}`]!.data as Float32Array
      for (let at = 0; at < sums.length; at++) sums[at]! += own[at]!
    }
  }
  return new Map(
    sites.map(({ layer, site: { groups, terms, strides }, sums }) => {
      const { shape } = layer.weights!.tensor
      const own = rowMajorStrides(shape)
      const term = (i: number): number =>
        strides.reduce((sum, stride, axis) => sum + stride * (Math.floor(i / own[axis]!) % shape[axis]!), 0)
      return [layer, { groups, terms, sums, term }]
    }),
  )
}
