import type { Scalar } from '../../core/scalar/dtype.ts'
import { arg } from '../../core/scalar/expr.ts'
import type { NodeOf } from '../../core/graph.ts'
import type { ReduceKind } from '../../core/ops/reductions/reduce.ts'
import type { Shape } from '../../core/shape.ts'
import { elementCount, rowMajorStrides } from '../../core/shape.ts'
import type { TensorType } from '../../core/tensor.ts'
import { isTrivialWindow, spreadLength, type WindowAxis } from '../../core/ops/window.ts'
import { identityOf } from '../../core/ops/reductions/reduce.ts'
import { mapStrides } from '../program/access.ts'
import { fillKernel } from '../memory/border.ts'
import { lazyAccess, lazyPending, type Lazy, type Pending } from './lazy.ts'
import type { Access } from '../program/program.ts'
import { originOf, type Scheduler } from './scheduler.ts'

/** A nest over the axes of `type` that combines over `reduced` more loops; accesses of `lazy` go over all of them. */
export function pendingReduction(
  s: Scheduler,
  type: TensorType,
  reduced: Shape,
  kind: ReduceKind,
  lazy: Pick<Lazy, 'expr' | 'args'>,
): Pending {
  return {
    type,
    emit: (post, write, nodes) =>
      s.emit({
        kind: 'nest',
        extents: [...type.shape, ...reduced],
        reduced: reduced.length,
        body: lazy.expr,
        reads: lazy.args as readonly Access[],
        combine: kind,
        post,
        write,
        nodes,
      }),
  }
}

export function reduce(s: Scheduler, node: NodeOf<'reduce'>): void {
  const [x] = node.operands
  const [result] = node.results
  const { axes, kind } = node.attrs
  const lazy = s.readable(x!)
  const { shape } = x!.type
  const kept = shape.map((_, i) => i).filter((i) => !axes.includes(i))
  const args = (lazy.args as readonly Access[]).map((a) =>
    mapStrides(a, (strides) => [...kept, ...axes].map((i) => strides[i]!)),
  )
  const pending = pendingReduction(
    s,
    result!.type,
    axes.map((i) => shape[i]!),
    kind,
    { expr: lazy.expr, args },
  )
  s.define(result!, lazyPending(pending, [...lazy.nodes, ...originOf(node)]))
}

/**
 * A copy of the lazy value with padding of `fill` and its elements spread by the base dilation, so that every position
 * of the window is inside. Negative padding cuts elements off.
 */
export function paddedCopy(s: Scheduler, lazy: Lazy, window: readonly WindowAxis[], fill: Scalar): Access {
  const { dtype, shape } = lazy.type
  const low = window.map((w) => Math.max(0, w.low))
  const full = shape.map((d, i) => {
    const w = window[i]!
    return low[i]! + spreadLength(d, w.baseDilation) + Math.max(0, w.high)
  })
  const buffer = s.newBuffer(dtype, elementCount(full))
  const strides = rowMajorStrides(full)
  const offset = low.reduce((sum, n, i) => sum + n * strides[i]!, 0)
  s.emit(fillKernel({ buffer, offset: 0, strides: [1] }, [buffer.length], fill))
  s.materialize(lazy, { buffer, offset, strides: strides.map((stride, i) => stride * window[i]!.baseDilation) })
  const skipped = window.reduce((sum, w, i) => sum + Math.max(0, -w.low) * strides[i]!, 0)
  return { buffer, offset: skipped, strides }
}

export function reduceWindow(s: Scheduler, node: NodeOf<'reduce_window'>): void {
  const [x] = node.operands
  const [result] = node.results
  const { kind, window } = node.attrs
  const inside = window.every((w) => w.low <= 0 && w.high <= 0 && w.baseDilation === 1)
  const source = s.rereadable(x!)
  const from = inside ? source : lazyAccess(paddedCopy(s, source, window, identityOf(kind, x!.type.dtype)), x!.type)
  const sized = window.map((_, i) => i).filter((i) => !isTrivialWindow(window[i]!))
  const args = (from.args as readonly Access[]).map((a) => {
    const cut = inside ? window.reduce((sum, w, i) => sum - w.low * a.strides[i]!, 0) : 0
    return mapStrides({ ...a, offset: a.offset + cut }, (strides) => [
      ...strides.map((stride, i) => stride * window[i]!.stride),
      ...sized.map((i) => strides[i]! * window[i]!.dilation),
    ])
  })
  const sizes = sized.map((i) => window[i]!.size)
  const pending = pendingReduction(s, result!.type, sizes, kind, { expr: from.expr, args })
  s.define(result!, lazyPending(pending, [...from.nodes, ...originOf(node)]))
}

/** The sum of products of two accesses over [result axes…, contracted axes…]. */
export function pendingProductSum(
  s: Scheduler,
  type: TensorType,
  reduced: Shape,
  a: Access,
  b: Access,
  product: Lazy['expr'],
): Pending {
  return pendingReduction(s, type, reduced, 'add', { expr: product, args: [a, b] })
}

export const factor = (index: number, access: Access): Lazy['expr'] => arg(index, access.buffer.dtype)
