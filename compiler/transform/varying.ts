import { isFloat } from '../core/scalar/dtype.ts'
import type { Node, Value } from '../core/graph.ts'

/** `wrt` and the floats of `order` that depend on it through floats and not through what is `held`. */
export function varyingWith(
  order: readonly Node[],
  wrt: readonly Value[],
  held: ReadonlySet<Value> = new Set(),
): ReadonlySet<Value> {
  const varying = new Set<Value>(wrt)
  for (const { operands, results } of order) {
    if (!operands.some((o) => varying.has(o))) continue
    for (const result of results) if (isFloat(result.type.dtype) && !held.has(result)) varying.add(result)
  }
  return varying
}
