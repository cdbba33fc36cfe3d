import { fail } from '../../core/diagnostics/diagnostic.ts'
import type { Value } from '../../core/graph.ts'
import { fromElements, isBatched, sampleShape } from './forms.ts'
import type { Operand, Rule } from './rule.ts'

/** Samples are rows more. Tables are constants when a graph is scheduled, so that samples cannot have their own. */
export const decisionTrees: Rule<'decision_trees'> = (c, { origin, results }, [x, ...tables]) => {
  if (tables.some(isBatched)) fail('A850', 'trees that differ between samples cannot be batched', origin && { origin })
  const given = tables.map((table: Operand) => table.value) as [Value, Value, Value, Value, Value]
  const [thresholds, features, next, missing, roots] = given
  const [rows, width] = sampleShape(x!) as [number, number]
  const all = c.b.reshape(x!.value, [c.size * rows, width])
  const leaves = c.b.decisionTrees(all, { thresholds, features, next, missing, roots })
  return [fromElements(c, leaves, results[0]!.type.shape)]
}
