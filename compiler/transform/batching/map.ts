import { substitute, type Expr } from '../../core/scalar/expr.ts'
import { mapShape } from '../../core/ops/map.ts'
import { axesBefore, bestForm, inForm, isBatched, sampleShape, spread, withLeading } from './forms.ts'
import type { Rule } from './rule.ts'

/** Operands are aligned at the end: a batched one gets axes of length 1 behind that of the samples. */
export const map: Rule<'map'> = (c, { attrs, operands: sources }, operands) => {
  const shape = mapShape(sources.map((source) => source.type))
  const form = bestForm(shape)
  const values = operands.map((operand) => {
    if (!isBatched(operand)) return operand.value
    const isFull = sampleShape(operand).length === shape.length
    const x = form === 'first' && isFull ? inForm(c, operand, form) : withLeading(c, operand)
    return spread(c.b, x, shape.length + axesBefore(form))
  })
  const body = (...args: Expr[]): Expr => substitute(attrs.expr, (i) => args[i]!)
  return [{ value: c.b.map(values, body), form }]
}
