import type { Value } from '../../core/graph.ts'
import { isContiguous } from '../program/access.ts'
import { lazyAccess } from './lazy.ts'
import type { Access } from '../program/program.ts'
import type { Scheduler } from './scheduler.ts'

/** A state's next value in memory that no state has; undefined where it is the old one. */
type Next = { readonly value: Value; readonly from: Access } | undefined

/**
 * Computes what the states at `states` become: the carried values of a loop, or what a module keeps from run to run. Old values
 * may be read until `copyStates`.
 */
export function nextStates(s: Scheduler, values: readonly Value[], states: readonly Access[]): Next[] {
  return values.map((value, k) => {
    const access = s.force(value)
    if (!states.some((state) => state.buffer === access.buffer)) return { value, from: access }
    const { shape, dtype } = value.type
    if (access.buffer === states[k]!.buffer && access.offset === 0 && isContiguous(access, shape)) return undefined
    const copy = s.allocate({ dtype, shape })
    s.materialize(lazyAccess(access, value.type), copy)
    return { value, from: copy }
  })
}

/** Copies next values over the old ones; how many of the last kernels do so, for `withoutCopies`. */
export function copyStates(s: Scheduler, next: readonly Next[], states: readonly Access[]): number {
  next.forEach((n, k) => n && s.materialize(lazyAccess(n.from, n.value.type), states[k]!))
  return next.filter((n) => n !== undefined).length
}
