import type { NodeOf } from '../../core/graph.ts'
import { mapStrides, sliceAccess } from '../program/access.ts'
import { isPending, lazyAccess, pendingOf, reshapeLazy, transposeLazy, type Lazy } from './lazy.ts'
import type { Access } from '../program/program.ts'
import type { Scheduler } from './scheduler.ts'

/** Views cost nothing where the accesses of their operand can be turned round; else the operand goes to memory first. */
export function reshape(s: Scheduler, node: NodeOf<'reshape'>): void {
  const [x] = node.operands
  const { shape } = node.attrs
  const viewed = reshapeLazy(s.lazy(x!), shape) ?? reshapeLazy(lazyAccess(s.forceContiguous(x!), x!.type), shape)
  s.define(node.results[0]!, viewed!)
}

export function transpose(s: Scheduler, node: NodeOf<'transpose'>): void {
  s.define(node.results[0]!, transposeLazy(s.lazy(node.operands[0]!), node.attrs.perm))
}

function viewAccesses(lazy: Lazy, shape: readonly number[], view: (a: Access) => Access): Lazy {
  const args = lazy.args.map((a) => (isPending(a) ? a : view(a)))
  return { ...lazy, type: { dtype: lazy.type.dtype, shape }, args }
}

export function broadcastInDim(s: Scheduler, node: NodeOf<'broadcast_in_dim'>): void {
  const [x] = node.operands
  const { shape, dims } = node.attrs
  const from = x!.type.shape
  const view = (a: Access): Access =>
    mapStrides(a, (strides) =>
      shape.map((_, axis) => {
        const i = dims.indexOf(axis)
        return i < 0 || from[i] === 1 ? 0 : strides[i]!
      }),
    )
  s.define(node.results[0]!, viewAccesses(s.rereadable(x!), shape, view))
}

export function slice(s: Scheduler, node: NodeOf<'slice'>): void {
  const [x] = node.operands
  const { start, shape, strides } = node.attrs
  const view = (a: Access): Access => sliceAccess(a, start, strides)
  // A slice of a pending kernel would leave elements out; a kernel computes all of them.
  const source = pendingOf(s.lazy(x!)) ? s.readable(x!) : s.lazy(x!)
  s.define(node.results[0]!, viewAccesses(source, shape, view))
}
