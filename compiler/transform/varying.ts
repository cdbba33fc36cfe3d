import { isFloat } from '../core/dtype.ts'
import type { Node, Value } from '../core/graph.ts'

/** `wrt` and the floats of `order` that depend on it through floats. */
export function varyingWith(order: readonly Node[], wrt: readonly Value[]): ReadonlySet<Value> {
  const varying = new Set<Value>(wrt)
  for (const { operands, results } of order) {
    if (!operands.some((o) => varying.has(o))) continue
    for (const result of results) if (isFloat(result.type.dtype)) varying.add(result)
  }
  return varying
}
