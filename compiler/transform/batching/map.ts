import { mapShape } from '../../core/ops/map.ts'
import type { Expr } from '../../core/expr.ts'
import { substitute } from '../../core/expr.ts'
import { fromForm, sampleShape, spread, view } from './forms.ts'
import type { Rule } from './rule.ts'

/** Operands are aligned at the end: a batched one gets axes of length 1 behind that of the samples. */
export const map: Rule<'map'> = ({ b, size }, { attrs, operands: sources }, operands) => {
  const shape = mapShape(sources.map((source) => source.type))
  const shift = shape[0] === 1 ? 0 : 1
  const values = operands.map((operand) => {
    if (!operand.batched) return operand.value
    const own = sampleShape(operand)
    const inFirst = shift === 0 && own.length === shape.length
    const x = inFirst ? view(b, operand.value, [size, ...own.slice(1)]) : operand.value
    return spread(b, x, shape.length + shift)
  })
  const body = (...args: Expr[]): Expr => substitute(attrs.expr, (i) => args[i]!)
  return [fromForm(b, b.map(values, body), shift)]
}
