/**
 * Puts transposes around convolutions so that they run channels-last.
 * Before: any graph. After: every convolution has its activations' axes in the order batch, spatial, feature; of one that sums over
 * images, the gradient of another's weights, both operands are activations, whose batch is its feature.
 * `sink-transposes` then moves the transposes to where they cancel.
 */
import { Builder } from '../core/builder.ts'
import { applyPatch, nodesOf, type Graph, type NodeOf, type Value } from '../core/graph.ts'
import type { ActivationAxes } from '../core/ops/convolution.ts'

export const channelsLastAxes = (spatial: number): ActivationAxes => ({
  batch: 0,
  feature: spatial + 1,
  spatial: Array.from({ length: spatial }, (_, i) => i + 1),
})

const order = (a: ActivationAxes): number[] => [a.batch, ...a.spatial, a.feature]

const inPlace = (axes: readonly number[]): boolean => axes.every((axis, i) => axis === i)

/** Whether features are the images of another convolution: they come before its channels in either order of axes. */
const sumsOverImages = ({ lhs, rhs }: NodeOf<'convolution'>['attrs']): boolean =>
  lhs.feature < lhs.batch && rhs.input < rhs.output

function weightGradient({ operands, attrs, origin }: NodeOf<'convolution'>): Value | undefined {
  const { lhs, rhs, window } = attrs
  const orders = [
    [lhs.feature, ...lhs.spatial, lhs.batch],
    [rhs.input, ...rhs.spatial, rhs.output],
  ] as const
  if (orders.every(inPlace)) return undefined
  const b = new Builder(origin)
  const { batch: first, spatial, feature: last } = channelsLastAxes(window.length)
  const [x, g] = operands.map((operand, i) => b.transpose(operand, orders[i]!))
  return b.convolution(x!, g!, {
    ...attrs,
    lhs: { feature: first, spatial, batch: last },
    rhs: { input: first, spatial, output: last },
  })
}

function channelsLastConvolution({ operands, attrs, origin }: NodeOf<'convolution'>): Value | undefined {
  const { lhs, out, window } = attrs
  const last = channelsLastAxes(window.length)
  const [from, to] = [order(lhs), order(out)]
  if (inPlace(from) && inPlace(to)) return undefined
  const b = new Builder(origin)
  const x = b.transpose(operands[0]!, from)
  const y = b.convolution(x, operands[1]!, { ...attrs, lhs: last, out: last })
  const back = to.map((_, axis) => to.indexOf(axis))
  return b.transpose(y, back)
}

export function channelsLast(graph: Graph): Graph {
  const patch = new Map<Value, Value>()
  for (const node of nodesOf(graph)) {
    if (node.op !== 'convolution') continue
    const replaced = sumsOverImages(node.attrs) ? weightGradient(node) : channelsLastConvolution(node)
    if (replaced) patch.set(node.results[0]!, replaced)
  }
  return applyPatch(graph, patch)
}
