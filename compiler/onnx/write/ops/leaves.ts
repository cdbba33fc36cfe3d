import { emitExpression } from '../scalar/expression.ts'
import type { Rule } from './rule.ts'

/** Inputs have an edge before the nodes are written. */
export const input: Rule<'input'> = (e, { attrs }) => e.refuse(`"${attrs.name}" is no input of its graph`)

export const constant: Rule<'constant'> = (e, { attrs }) => [e.stored(attrs.value)]

export const map: Rule<'map'> = (e, { attrs }, operands) => [emitExpression(e, attrs.expr, operands)]

export const iota: Rule<'iota'> = (e, { attrs: { type, axis } }) => {
  const along = e.range(type.shape[axis]!, type.dtype)
  const aligned = e.reshape(
    along,
    type.shape.map((d, i) => (i === axis ? d : 1)),
  )
  return [e.expand(aligned, type.shape)]
}
