import { arg } from '../../core/scalar/expr.ts'
import type { NodeOf } from '../../core/graph.ts'
import { elementCount, rowMajorStrides } from '../../core/shape.ts'
import { contiguous, mapStrides } from '../program/access.ts'
import { lazyAccess } from './lazy.ts'
import type { Access } from '../program/program.ts'
import { originOf, type Scheduler } from './scheduler.ts'

/** Operands are computed right into their places in the result. */
export function concatenate(s: Scheduler, node: NodeOf<'concatenate'>): void {
  const [result] = node.results
  const { axis } = node.attrs
  const whole = s.allocate(result!.type)
  let at = 0
  for (const operand of node.operands) {
    const lazy = s.lazy(operand)
    const write = { ...whole, offset: whole.offset + at * whole.strides[axis]! }
    s.materialize({ ...lazy, nodes: [...lazy.nodes, ...originOf(node)] }, write)
    at += operand.type.shape[axis]!
  }
  s.define(result!, lazyAccess(whole, result!.type))
}

export function pad(s: Scheduler, node: NodeOf<'pad'>): void {
  const [x, value] = node.operands
  const [result] = node.results
  const { shape, dtype } = result!.type
  const whole = contiguous(s.newBuffer(dtype, elementCount(shape)), shape)
  const fill = s.readable(value!)
  s.emit({
    kind: 'nest',
    extents: [elementCount(shape)],
    reduced: 0,
    body: fill.expr,
    reads: (fill.args as readonly Access[]).map((a) => mapStrides(a, () => [0])),
    post: { expr: arg(0, dtype), reads: [] },
    write: { ...whole, strides: [1] },
    nodes: originOf(node),
  })
  const offset = node.attrs.low.reduce((sum, n, i) => sum + n * whole.strides[i]!, 0)
  s.materialize(s.lazy(x!), { ...whole, offset })
  s.define(result!, lazyAccess(whole, result!.type))
}

export function constant(s: Scheduler, node: NodeOf<'constant'>): void {
  s.define(node.results[0]!, lazyAccess(s.constantAccess(node.attrs.value), node.results[0]!.type))
}

/** Updates meet the copied operand one after another, in row-major order: several may go to one place. */
export function scatter(s: Scheduler, node: NodeOf<'scatter'>): void {
  const [x, indices, updates] = node.operands
  const [result] = node.results
  const a = node.attrs
  const shape = x!.type.shape
  const whole = s.allocate(result!.type)
  s.materialize(s.lazy(x!), whole)
  // No window lies in an empty operand.
  if (elementCount(shape) === 0) return s.define(result!, lazyAccess(whole, result!.type))
  const index = s.force(indices!)
  const lazy = s.readable(updates!)
  const extents = updates!.type.shape
  const batchAxes = extents.map((_, i) => i).filter((i) => !a.updateWindowDims.includes(i))
  const vector = a.indexVectorDim
  const indexBatch = indices!.type.shape.map((_, i) => i).filter((i) => i !== vector)
  const own = rowMajorStrides(shape)
  const windowAxes = shape
    .map((_, i) => i)
    .filter((i) => !a.insertedWindowDims.includes(i) && !a.inputBatchingDims.includes(i))
  const strides = extents.map((_, i) => {
    const window = a.updateWindowDims.indexOf(i)
    if (window >= 0) return own[windowAxes[window]!]!
    const indexAxis = indexBatch[batchAxes.indexOf(i)]!
    const batching = a.scatterIndicesBatchingDims.indexOf(indexAxis)
    return batching < 0 ? 0 : own[a.inputBatchingDims[batching]!]!
  })
  const indexStrides = extents.map((_, i) => {
    const batch = batchAxes.indexOf(i)
    return batch < 0 ? 0 : index.strides[indexBatch[batch]!]!
  })
  const windowSize = (axis: number): number => {
    const window = windowAxes.indexOf(axis)
    return window < 0 ? 1 : extents[a.updateWindowDims[window]!]!
  }
  s.emit({
    kind: 'nest',
    extents,
    reduced: 0,
    body: lazy.expr,
    reads: lazy.args as readonly Access[],
    ...(a.kind !== 'set' && { accumulate: a.kind }),
    post: { expr: arg(0, x!.type.dtype), reads: [] },
    write: {
      buffer: whole.buffer,
      offset: 0,
      strides,
      indirect: a.scatterDimsToOperandDims.map((axis, k) => ({
        index: { buffer: index.buffer, offset: index.offset + k * (index.strides[vector] ?? 0), strides: indexStrides },
        scale: own[axis]!,
        limit: shape[axis]! - windowSize(axis),
      })),
    },
    sequential: true,
    nodes: [...lazy.nodes, ...originOf(node)],
  })
  s.define(result!, lazyAccess(whole, result!.type))
}
