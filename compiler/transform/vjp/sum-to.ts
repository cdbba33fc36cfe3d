import type { Builder } from '../../core/builder.ts'
import type { Value } from '../../core/graph.ts'
import type { Shape } from '../../core/shape.ts'

/** The transpose of broadcasting `shape` by NumPy's rule: `x` summed over the axes that were repeated. */
export function sumTo(b: Builder, x: Value, shape: Shape): Value {
  const lead = x.type.shape.length - shape.length
  const repeated = x.type.shape.flatMap((d, i) => (i < lead || shape[i - lead] !== d ? [i] : []))
  return b.reshape(b.reduce('add', x, repeated), shape)
}
