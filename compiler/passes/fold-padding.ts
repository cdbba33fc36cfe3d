/**
 * Makes padding part of the window of the convolution or pooling that reads it.
 * Before: any graph. After: no convolution reads a `pad` with one constant along its spatial axes, and no `reduce_window` a
 * `pad` of its identity.
 */
import { Builder } from '../core/builder.ts'
import { constantOf } from '../core/evaluate.ts'
import { applyPatch, nodesOf, type Graph, type NodeOf, type Value } from '../core/graph.ts'
import { identityOf } from '../core/ops/reductions/reduce.ts'
import type { WindowAxis } from '../core/ops/window.ts'
import type { Scalar } from '../core/scalar/dtype.ts'
import { reader } from '../core/tensor.ts'

/** The `pad` node that gives `value`, and what it pads with. */
function constantPad(value: Value): { pad: NodeOf<'pad'>; fill: Scalar } | undefined {
  const { node } = value
  if (node.op !== 'pad') return undefined
  const fill = constantOf(node.operands[1]!)
  return fill && { pad: node, fill: reader(fill)(0) }
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
      const found = constantPad(x!)
      const padded = node.attrs.window.some((axis) => axis.low !== 0 || axis.high !== 0)
      const padValue = Number(found?.fill)
      if (!found || (padded && padValue !== (node.attrs.padValue ?? 0)) || Number.isNaN(padValue)) continue
      const window = widenAll(node.attrs.window, node.attrs.lhs.spatial, found.pad)
      const attrs = { ...node.attrs, window: window!, ...(padValue !== 0 && { padValue }) }
      if (window) patch.set(node.results[0]!, b.convolution(found.pad.operands[0]!, w!, attrs))
    } else if (node.op === 'reduce_window') {
      const found = constantPad(x!)
      if (found?.fill !== identityOf(node.attrs.kind, x!.type.dtype)) continue
      const axes = x!.type.shape.map((_, i) => i)
      const window = widenAll(node.attrs.window, axes, found.pad)
      if (window) patch.set(node.results[0]!, b.reduceWindow(node.attrs.kind, found.pad.operands[0]!, window))
    }
  }
  return applyPatch(graph, patch)
}
