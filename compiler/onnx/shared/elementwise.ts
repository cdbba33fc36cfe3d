import type { Expr } from '../../core/scalar/expr.ts'
import type { Value } from '../../core/graph.ts'
import { elementCount, sameShape } from '../../core/shape.ts'
import type { OpContext, Operator } from '../context.ts'
import { isBounded } from '../item.ts'
import { normalizeAxis } from './axes.ts'

/** `keeps` of operators whose operands broadcast: axes are aligned at the end, and no other operand may be longer than 1 there. */
export const keepsAligned: NonNullable<Operator['keeps']> = (c, input, axis) => {
  const rank = (i: number): number => c.input(i).type.shape.length
  const fromEnd = rank(input) - axis
  const given = c.inputs.map((_, i) => i).filter((i) => c.inputs[i])
  // Before opset 7 an attribute may align them elsewhere.
  if (c.opset < 7 && given.length > 1) return undefined
  const fits = given.every((i) => {
    const item = c.item(i)!
    const at = rank(i) - fromEnd
    return (
      at < 0 ||
      c.input(i).type.shape[at] === 1 ||
      (isBounded(item) && item.lengths.some((length) => length.axis === at))
    )
  })
  return fits ? Math.max(...given.map(rank)) - fromEnd : undefined
}

/** An operator of one input whose every element is a formula of the input's. */
export const elementwise = (formula: (x: Expr, c: OpContext) => Expr): Operator => ({
  keeps: keepsAligned,
  lower: (c) => [c.b.map([c.input(0)], (x) => formula(x, c))],
})

/** An operator of two inputs that broadcast. */
export const broadcasting = (formula: (a: Expr, b: Expr, c: OpContext) => Expr): Operator => ({
  keeps: keepsAligned,
  lower: (c) => [c.b.map(broadcastOperands(c), (a, b) => formula(a, b, c))],
})

/**
 * Inputs 0 and 1. Before opset 7 the second is broadcast only where attribute `broadcast` says so, and its axes then
 * stand for those of the first from `axis` on (by default the last ones).
 */
export function broadcastOperands(c: OpContext): [Value, Value] {
  const a = c.input(0)
  const b = c.input(1)
  if (c.opset >= 7) return [a, b]
  const to = a.type.shape
  const from = b.type.shape
  if (c.int('broadcast', 0) === 0) {
    c.check(
      sameShape(from, to),
      `shapes [${to.join(',')}] and [${from.join(',')}] differ and attribute broadcast is not set`,
    )
    return [a, b]
  }
  if (elementCount(from) === 1) return [a, c.b.reshape(b, [])]
  const first = c.has('axis') ? normalizeAxis(c, c.int('axis'), to.length) : to.length - from.length
  const after = to.length - from.length - first
  c.check(first >= 0 && after >= 0, `[${from.join(',')}] does not lie in [${to.join(',')}] at axis ${first}`)
  return [a, c.b.reshape(b, [...from, ...new Array<number>(after).fill(1)])]
}
