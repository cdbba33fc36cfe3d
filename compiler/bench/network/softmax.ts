import type { Expr } from '../../core/scalar/expr.ts'
import type { Value } from '../../core/graph.ts'

/** Whether the expression is `op` of operands 0 and 1, in this order. */
const isOf = (e: Expr, op: string): boolean =>
  e.kind === 'binary' && e.op === op && e.a.kind === 'arg' && e.a.index === 0 && e.b.kind === 'arg' && e.b.index === 1

/** The value whose maximum or sum along its last axis `value` is, with that axis kept. */
function reducedOf(value: Value, kind: string): Value | undefined {
  if (value.node.op !== 'reshape') return undefined
  const { node } = value.node.operands[0]!
  if (node.op !== 'reduce' || node.attrs.kind !== kind) return undefined
  const [operand] = node.operands
  const last = operand!.type.shape.length - 1
  return node.attrs.axes.length === 1 && node.attrs.axes[0] === last ? operand : undefined
}

/** Of e^(x - max x) / Σ e^(x - max x) along the last axis, x. */
export function softmaxInput(quotient: Expr, [e, sum]: readonly Value[]): Value | undefined {
  if (!e || !sum || !isOf(quotient, 'div') || reducedOf(sum, 'add') !== e || e.node.op !== 'map') return undefined
  const [x, most] = e.node.operands
  const { expr } = e.node.attrs
  if (expr.kind !== 'unary' || expr.op !== 'exp' || !isOf(expr.x, 'sub') || !x || !most) return undefined
  return reducedOf(most, 'max') === x ? x : undefined
}
