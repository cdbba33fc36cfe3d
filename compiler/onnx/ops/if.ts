import { constantOf } from '../../core/evaluate.ts'
import { formatType, sameType } from '../../core/tensor.ts'
import { elementCount } from '../../core/shape.ts'
import type { Value } from '../../core/graph.ts'
import type { OpContext, Operator } from '../context.ts'
import { isSequence, isTensor, kindOf, type Item } from '../item.ts'

/** `a` where the scalar `condition` holds, else `b`; they must be of one type. */
function choose(c: OpContext, condition: Value, a: Item, b: Item): Item {
  if (a === b) return a
  if (isTensor(a) && isTensor(b) && sameType(a.type, b.type)) return c.b.select(condition, a, b)
  if (isSequence(a) && isSequence(b) && a.elements.length === b.elements.length) {
    return { elements: a.elements.map((e, i) => choose(c, condition, e, b.elements[i]!)) }
  }
  const [then, otherwise] = [a, b].map((item) => (isTensor(item) ? formatType(item.type) : kindOf(item)))
  return c.unsupported(`the branches give ${then} and ${otherwise}, and the condition is not known at compile time`)
}

/** The branch that the condition takes. Branches have no effects: where the condition is known at run time only, both are evaluated. */
export const ifOperator: Operator = {
  floats: 'storage',
  items: true,
  lower: (c: OpContext) => {
    const condition = c.input(0)
    c.check(elementCount(condition.type.shape) === 1, 'the condition is no scalar')
    const known = constantOf(condition)
    if (known) return c.inline(c.graph(known.data[0] ? 'then_branch' : 'else_branch'), [])
    const then = c.inline(c.graph('then_branch'), [])
    const otherwise = c.inline(c.graph('else_branch'), [])
    c.check(then.length === otherwise.length, `the branches have ${then.length} and ${otherwise.length} outputs`)
    const scalar = c.b.reshape(condition, [])
    return then.map((item, i) => choose(c, scalar, item, otherwise[i]!))
  },
}
