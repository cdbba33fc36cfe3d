/**
 * Puts transposes around convolutions so that they are as ONNX has them, [N, C, spatial …] and [O, I, spatial …], and moves them to
 * where they cancel; those of weights are folded.
 * Before: any graph. After: the same results; a graph whose convolutions are so already is as it was.
 */
import { Builder } from '../../core/builder.ts'
import { applyPatch, nodesOf, type Graph, type NodeOf, type Value } from '../../core/graph.ts'
import { activationList, type ActivationAxes, type KernelAxes } from '../../core/ops/convolution.ts'
import { composeViews } from '../../passes/compose-views.ts'
import { foldUnstored } from '../../passes/fold-constants.ts'
import { sinkTransposes } from '../../passes/sink-transposes.ts'

const inOrder = (axes: readonly number[]): boolean => axes.every((axis, i) => axis === i)
const kernelOrder = (k: KernelAxes): number[] => [k.output, k.input, ...k.spatial]

function channelsFirst(node: NodeOf<'convolution'>): Value | undefined {
  const { lhs, rhs, out, window } = node.attrs
  const [from, kernel, to] = [activationList(lhs), kernelOrder(rhs), activationList(out)]
  if (inOrder(from) && inOrder(kernel) && inOrder(to)) return undefined
  const b = new Builder(node.origin)
  const spatial = window.map((_, i) => i + 2)
  const axes: ActivationAxes = { batch: 0, feature: 1, spatial }
  const [x, w] = [b.transpose(node.operands[0]!, from), b.transpose(node.operands[1]!, kernel)]
  const y = b.convolution(x, w, { ...node.attrs, lhs: axes, rhs: { output: 0, input: 1, spatial }, out: axes })
  return b.transpose(
    y,
    to.map((_, axis) => to.indexOf(axis)),
  )
}

export function convolutionsChannelsFirst(graph: Graph): Graph {
  const patch = new Map<Value, Value>()
  for (const node of nodesOf(graph)) {
    const replaced = node.op === 'convolution' ? channelsFirst(node) : undefined
    if (replaced) patch.set(node.results[0]!, replaced)
  }
  if (patch.size === 0) return graph
  return [sinkTransposes, composeViews, foldUnstored].reduce((g, run) => run(g), applyPatch(graph, patch))
}
