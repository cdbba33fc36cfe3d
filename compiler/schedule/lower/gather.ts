import type { NodeOf } from '../../core/graph.ts'
import { batchingAxis } from '../../core/ops/gather.ts'
import { lazyAccess } from '../lazy.ts'
import type { Access } from '../program.ts'
import { originOf, type Scheduler } from '../scheduler.ts'

/** A gather is an access whose address has loaded indices in it; it fuses like any other. */
export function gather(s: Scheduler, node: NodeOf<'gather'>): void {
  const [x, indices] = node.operands
  const [result] = node.results
  const a = node.attrs
  const from = s.force(x!)
  const index = s.force(indices!)
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
      scale: from.strides[axis]!,
      limit: shape[axis]! - a.sliceSizes[axis]!,
    })),
  }
  const lazy = lazyAccess(access, result!.type)
  s.define(result!, { ...lazy, nodes: originOf(node) })
}
