import type { Emitter } from '../emitter.ts'
import type { Edge } from '../graph.ts'
import { computes, type Computing } from '../kernels.ts'

/** 2^63 moves the range of u64 to that of i64, order kept. */
const middle = -(2n ** 63n)

/** What `of` makes of `x`, by way of i64 where it depends on the order of a u64 that has no kernel. */
export function throughOrder(e: Emitter, x: Edge, operator: Computing, of: (x: Edge) => Edge): Edge {
  if (x.type.dtype !== 'u64' || computes(operator, 'u64')) return of(x)
  return fromOrdered(e, of(ordered(e, x)))
}

/** Values of a type that sorts as `x`: `x` itself, but for u64. */
export const ordered = (e: Emitter, x: Edge): Edge =>
  x.type.dtype === 'u64' ? e.elementwise('Add', [e.cast(x, 'i64'), e.scalar(middle, 'i64')]) : x

export const fromOrdered = (e: Emitter, x: Edge): Edge =>
  e.cast(e.elementwise('Add', [x, e.scalar(middle, 'i64')]), 'u64')
