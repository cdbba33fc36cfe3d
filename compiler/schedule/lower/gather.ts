import type { NodeOf, Value } from '../../core/graph.ts'
import { batchingAxis } from '../../core/ops/data-movement/gather.ts'
import { sameShape } from '../../core/shape.ts'
import { lazyAccess } from './lazy.ts'
import type { Access } from '../program/program.ts'
import { originOf, type Scheduler } from './scheduler.ts'

/** The value whose bits `value` reads as another type, or `value` itself. */
function bitsOf(value: Value): Value {
  const { node } = value
  if (node.op !== 'map' || node.attrs.expr.kind !== 'bitcast' || node.attrs.expr.x.kind !== 'arg') return value
  const [x] = node.operands
  return node.operands.length === 1 && sameShape(x!.type.shape, value.type.shape) ? x! : value
}

/** A gather is an access whose address has loaded indices in it; it fuses like any other. */
export function gather(s: Scheduler, node: NodeOf<'gather'>): void {
  const [x, indices] = node.operands
  const [result] = node.results
  const a = node.attrs
  const from = s.force(x!)
  const bits = bitsOf(indices!)
  const index = s.force(bits)
  const shape = x!.type.shape
  const rank = result!.type.shape.length
  const axes = Array.from({ length: rank }, (_, i) => i)
  const offsets = shape
    .map((_, i) => i)
    .filter((i) => !a.collapsedSliceDims.includes(i) && !a.operandBatchingDims.includes(i))
  const batchAxes = axes.filter((i) => !a.offsetDims.includes(i))
  const indexBatch = indices!.type.shape.map((_, i) => i).filter((i) => i !== a.indexVectorDim)
  const strides = axes.map((i) => {
    const offset = a.offsetDims.indexOf(i)
    if (offset >= 0) return from.strides[offsets[offset]!]!
    const batch = batchAxes.indexOf(i)
    const batching = a.startIndicesBatchingDims.findIndex(
      (_, k) => batchingAxis(a.startIndicesBatchingDims, a.indexVectorDim, k) === batch,
    )
    return batching < 0 ? 0 : from.strides[a.operandBatchingDims[batching]!]!
  })
  const indexStrides = axes.map((i) => {
    const batch = batchAxes.indexOf(i)
    return batch < 0 ? 0 : index.strides[indexBatch[batch]!]!
  })
  const access: Access = {
    buffer: from.buffer,
    offset: from.offset,
    strides,
    indirect: a.startIndexMap.map((axis, k) => ({
      index: {
        buffer: index.buffer,
        offset: index.offset + k * (index.strides[a.indexVectorDim] ?? 0),
        strides: indexStrides,
      },
      ...(bits !== indices && { dtype: indices!.type.dtype }),
      scale: from.strides[axis]!,
      limit: shape[axis]! - a.sliceSizes[axis]!,
    })),
  }
  const lazy = lazyAccess(access, result!.type)
  s.define(result!, { ...lazy, nodes: originOf(node) })
}
