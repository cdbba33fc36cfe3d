import type { Builder } from '../../core/builder.ts'
import type { Value } from '../../core/graph.ts'
import { freeAxes } from '../../core/ops/dot-general.ts'
import type { Vjp } from './rule.ts'

/** A factor of a product: each of its axes by a name that tells which axes go together. */
interface Factor {
  readonly value: Value
  readonly names: readonly string[]
}

/** The product of two factors, summed over what they have in common unless it is `kept`, with the axes of `target`. */
function product(b: Builder, p: Factor, q: Factor, kept: ReadonlySet<string>, target: readonly string[]): Value {
  const shared = p.names.filter((name) => q.names.includes(name))
  const batch = shared.filter((name) => kept.has(name))
  const contract = shared.filter((name) => !kept.has(name))
  const orderOf = (l: Factor, r: Factor): string[] => [
    ...batch,
    ...l.names.filter((name) => !shared.includes(name)),
    ...r.names.filter((name) => !shared.includes(name)),
  ]
  // The factors' order that leaves the axes as they are wanted, if one does.
  const [lhs, rhs] = orderOf(q, p).join() === target.join() ? [q, p] : [p, q]
  const axes = (factor: Factor, names: readonly string[]): number[] => names.map((name) => factor.names.indexOf(name))
  const result = b.dotGeneral(lhs.value, rhs.value, {
    lhsBatch: axes(lhs, batch),
    rhsBatch: axes(rhs, batch),
    lhsContract: axes(lhs, contract),
    rhsContract: axes(rhs, contract),
  })
  const order = orderOf(lhs, rhs)
  return b.transpose(
    result,
    target.map((name) => order.indexOf(name)),
  )
}

/** The cotangent with the other operand, over the axes that are free there. */
export const dotGeneral: Vjp<'dot_general'> = ({ node, b, dy, varies }) => {
  const { lhsBatch, rhsBatch, lhsContract, rhsContract } = node.attrs
  const [x, w] = node.operands
  const named = (value: Value, side: string, batch: readonly number[], contract: readonly number[]): Factor => ({
    value,
    names: value.type.shape.map((_, axis) =>
      batch.includes(axis)
        ? `b${batch.indexOf(axis)}`
        : contract.includes(axis)
          ? `c${contract.indexOf(axis)}`
          : `${side}${axis}`,
    ),
  })
  const lhs = named(x!, 'l', lhsBatch, lhsContract)
  const rhs = named(w!, 'r', rhsBatch, rhsContract)
  const free = (factor: Factor, batch: readonly number[], contract: readonly number[]): string[] =>
    freeAxes(factor.names.length, batch, contract).map((axis) => factor.names[axis]!)
  const batch = lhsBatch.map((_, i) => `b${i}`)
  const out: Factor = {
    value: dy,
    names: [...batch, ...free(lhs, lhsBatch, lhsContract), ...free(rhs, rhsBatch, rhsContract)],
  }
  const kept = new Set(batch)
  return [
    varies(0) ? product(b, out, rhs, kept, lhs.names) : undefined,
    varies(1) ? product(b, lhs, out, kept, rhs.names) : undefined,
  ]
}
