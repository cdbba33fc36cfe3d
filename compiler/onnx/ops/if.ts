import { constantOf } from '../../core/evaluate.ts'
import type { Value } from '../../core/graph.ts'
import { elementCount } from '../../core/shape.ts'
import { sameType } from '../../core/tensor.ts'
import type { OpContext, Operator } from '../context.ts'
import { isSequence, isTensor, type Item } from '../item.ts'

/** Whether a select can choose between the results of two branches. */
function alike(a: Item, b: Item): boolean {
  if (isTensor(a)) return isTensor(b) && sameType(a.type, b.type)
  if (!isSequence(a) || !isSequence(b)) return a === b
  return a.elements.length === b.elements.length && a.elements.every((e, i) => alike(e, b.elements[i]!))
}

/** `a` where the scalar `condition` holds, else `b`; they are alike. */
function choose(c: OpContext, condition: Value, a: Item, b: Item): Item {
  if (isTensor(a) && isTensor(b)) return a === b ? a : c.b.select(condition, a, b)
  if (!isSequence(a) || !isSequence(b)) return a
  return { elements: a.elements.map((e, i) => choose(c, condition, e, b.elements[i]!)) }
}

/** The results of both branches. Where one cannot be lowered it may never be taken: then the condition must be known. */
function both(c: OpContext, take: (holds: boolean) => Item[]): [Item[], Item[]] {
  try {
    return [take(true), take(false)]
  } catch (error) {
    c.constant(0)
    throw error
  }
}

/**
 * The branch that the condition takes. Branches have no effects: where the condition is known at run time only and the
 * branches give the same types, both are evaluated.
 */
export const ifOperator: Operator = {
  floats: 'storage',
  items: true,
  lower: (c: OpContext) => {
    const condition = c.input(0)
    c.check(elementCount(condition.type.shape) === 1, 'the condition is no scalar')
    const take = (holds: boolean): Item[] => c.inline(c.graph(holds ? 'then_branch' : 'else_branch'), [])
    const known = constantOf(condition)
    if (known) return take(known.data[0] !== 0)
    const [then, otherwise] = both(c, take)
    c.check(then.length === otherwise.length, `the branches have ${then.length} and ${otherwise.length} outputs`)
    // Different types leave only a condition that is known, which reports that it is not.
    if (!then.every((item, i) => alike(item, otherwise[i]!))) c.constant(0)
    const scalar = c.b.reshape(condition, [])
    return then.map((item, i) => choose(c, scalar, item, otherwise[i]!))
  },
}
