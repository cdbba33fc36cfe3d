/**
 * Makes padding with the neutral element part of the window of the convolution or pooling that reads it.
 * Before: any graph. After: no convolution reads a `pad` of zeros along its spatial axes, and no `reduce_window` a `pad`
 * of its identity.
 */
import { Builder } from '../core/builder.ts'
import { constantOf } from '../core/evaluate.ts'
import { applyPatch, nodesOf, type Graph, type NodeOf, type Value } from '../core/graph.ts'
import { identityOf } from '../core/ops/reduce.ts'
import type { WindowAxis } from '../core/ops/window.ts'
import type { Scalar } from '../core/dtype.ts'

/** The `pad` node that gives `value`, if it pads with `neutral`. */
function neutralPad(value: Value, neutral: Scalar): NodeOf<'pad'> | undefined {
  const { node } = value
  if (node.op !== 'pad') return undefined
  const fill = constantOf(node.operands[1]!)
  return fill && fill.data[0] === neutral ? node : undefined
}

/** Window `w` over an axis that was padded by `low` and `high`; undefined where spread elements make them differ. */
function widen(w: WindowAxis, low: number, high: number): WindowAxis | undefined {
  if (low === 0 && high === 0) return w
  return w.baseDilation === 1 ? { ...w, low: w.low + low, high: w.high + high } : undefined
}

function widenAll(
  windows: readonly WindowAxis[],
  axes: readonly number[],
  pad: NodeOf<'pad'>,
): WindowAxis[] | undefined {
  const { low, high } = pad.attrs
  if (low.some((n, i) => n + high[i]! > 0 && !axes.includes(i))) return undefined
  const widened = windows.map((w, i) => widen(w, low[axes[i]!]!, high[axes[i]!]!))
  return widened.includes(undefined) ? undefined : (widened as WindowAxis[])
}

export function foldPadding(graph: Graph): Graph {
  const patch = new Map<Value, Value>()
  for (const node of nodesOf(graph)) {
    const [x, w] = node.operands
    const b = new Builder(node.origin)
    if (node.op === 'convolution') {
      const pad = neutralPad(x!, 0)
      const window = pad && widenAll(node.attrs.window, node.attrs.lhs.spatial, pad)
      if (window) patch.set(node.results[0]!, b.convolution(pad.operands[0]!, w!, { ...node.attrs, window }))
    } else if (node.op === 'reduce_window') {
      const pad = neutralPad(x!, identityOf(node.attrs.kind, x!.type.dtype))
      const window =
        pad &&
        widenAll(
          node.attrs.window,
          x!.type.shape.map((_, i) => i),
          pad,
        )
      if (window) patch.set(node.results[0]!, b.reduceWindow(node.attrs.kind, pad.operands[0]!, window))
    }
  }
  return applyPatch(graph, patch)
}
