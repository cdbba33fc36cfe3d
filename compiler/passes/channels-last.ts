/**
 * Puts transposes around convolutions so that they run channels-last.
 * Before: any graph. After: every convolution has its activations' axes in the order batch, spatial, feature.
 * `sink-transposes` then moves the transposes to where they cancel.
 */
import { Builder } from '../core/builder.ts'
import { applyPatch, nodesOf, type Graph, type Value } from '../core/graph.ts'
import type { ActivationAxes } from '../core/ops/convolution.ts'

export const channelsLastAxes = (spatial: number): ActivationAxes => ({
  batch: 0,
  feature: spatial + 1,
  spatial: Array.from({ length: spatial }, (_, i) => i + 1),
})

const order = (a: ActivationAxes): number[] => [a.batch, ...a.spatial, a.feature]

export function channelsLast(graph: Graph): Graph {
  const patch = new Map<Value, Value>()
  for (const node of nodesOf(graph)) {
    if (node.op !== 'convolution') continue
    const { lhs, out, window } = node.attrs
    const last = channelsLastAxes(window.length)
    const from = order(lhs)
    const to = order(out)
    const inPlace = (axes: readonly number[]): boolean => axes.every((axis, i) => axis === i)
    if (inPlace(from) && inPlace(to)) continue
    const b = new Builder(node.origin)
    const x = b.transpose(node.operands[0]!, from)
    const y = b.convolution(x, node.operands[1]!, { ...node.attrs, lhs: last, out: last })
    const back = to.map((_, axis) => to.indexOf(axis))
    patch.set(node.results[0]!, b.transpose(y, back))
  }
  return applyPatch(graph, patch)
}
