import type { Value } from '../../core/graph.ts'
import { formatType, sameType } from '../../core/tensor.ts'
import type { OpContext } from '../context.ts'
import type { GraphProto } from '../decode.ts'
import { isTensor, kindOf, type Item } from '../item.ts'
import { normalizeAxis } from './axes.ts'

/** An output of a body where a tensor must be. */
export const tensorOutput = (c: OpContext, item: Item | undefined): Value =>
  item && isTensor(item) ? item : c.unsupported(`an output of the body is ${item ? kindOf(item) : 'missing'}`)

/** The slices as one tensor with a new axis `axis`; all must be of the type of `model`, which counts for nothing else. */
export function stacked(c: OpContext, slices: readonly Item[], model: Item, axis: number): Value {
  const { type } = tensorOutput(c, model)
  const at = normalizeAxis(c, axis, type.shape.length + 1)
  const shape = type.shape.toSpliced(at, 0, 1)
  const parts = slices.map((slice) => {
    const value = tensorOutput(c, slice)
    if (sameType(value.type, type)) return c.b.reshape(value, shape)
    return c.unsupported(`iterations give ${formatType(type)} and ${formatType(value.type)}`)
  })
  return parts.length > 0 ? c.b.concatenate(parts, at) : c.b.full(0, type.dtype, shape.with(at, 0))
}

/** Nodes, those of all iterations counted, up to which a loop is unrolled: that folds and fuses more, but takes more code. */
const mostUnrolled = 96

const countNodes = (graph: GraphProto): number =>
  graph.nodes.reduce((sum, node) => {
    const inner = [...node.attributes.values()].flatMap((a) => (a.kind === 'graph' ? [countNodes(a.value)] : []))
    return sum + 1 + inner.reduce((a, b) => a + b, 0)
  }, 0)

export const unrolls = (body: GraphProto, trips: number): boolean =>
  trips <= 2 || trips * countNodes(body) <= mostUnrolled
