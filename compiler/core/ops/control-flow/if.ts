import { check } from '../../diagnostics/check.ts'
import type { Graph } from '../../graph.ts'
import { formatType, sameType } from '../../tensor.ts'
import { keepsAll, type Facets } from '../facets.ts'

export interface IfAttrs {
  /** Both take the operands but the first, and give the same types. */
  readonly then: Graph
  readonly otherwise: Graph
}

/** The outputs of `then` where operand 0, a bool[], holds, else those of `otherwise` (StableHLO if). */
export const ifElse: Facets<IfAttrs> = {
  type: ([condition, ...captured], { then, otherwise }) => {
    check(condition?.dtype === 'bool' && condition.shape.length === 0, 'the condition is not a bool[]')
    for (const branch of [then, otherwise]) {
      check(
        branch.inputs.length === captured.length &&
          branch.inputs.every(({ value }, i) => sameType(value.type, captured[i]!)),
        'a branch takes other operands',
      )
    }
    const types = then.outputs.map((port) => port.value.type)
    const others = otherwise.outputs.map((port) => port.value.type)
    const list = (of: typeof types): string => of.map(formatType).join(', ')
    check(
      types.length === others.length && types.every((t, i) => sameType(t, others[i]!)),
      `the branches give ${list(types)} and ${list(others)}`,
    )
    return types
  },
  evaluate: ([condition, ...captured], { then, otherwise }, run) =>
    run!(condition!.data[0] !== 0 ? then : otherwise, captured),
  indices: () => [],
  keep: keepsAll,
}
