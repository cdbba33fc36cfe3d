import { fail } from '../../core/diagnostic.ts'
import type { Value } from '../../core/graph.ts'
import { batched, view } from './forms.ts'
import type { Operand, Rule } from './rule.ts'

/** Samples are rows more. Tables are constants when a graph is scheduled, so that samples cannot have their own. */
export const decisionTrees: Rule<'decision_trees'> = ({ b, size }, { origin, results }, [x, ...tables]) => {
  if (tables.some((table) => table.batched))
    fail('A850', 'trees that differ between samples cannot be batched', origin && { origin })
  const given = tables.map((table: Operand) => table.value) as [Value, Value, Value, Value, Value]
  const [thresholds, features, next, missing, roots] = given
  const [, rows, width] = x!.value.type.shape as [number, number, number]
  const all = b.decisionTrees(view(b, x!.value, [size * rows, width]), { thresholds, features, next, missing, roots })
  return [batched(view(b, all, [size, ...results[0]!.type.shape]))]
}
