import type { OpContext, Operator } from '../context.ts'

/** The branch that the condition takes; the condition must be known at compile time. */
export const ifOperator: Operator = {
  floats: 'storage',
  lower: (c: OpContext) => {
    const condition = c.constant(0)
    c.check(condition.data.length === 1, 'the condition is no scalar')
    return c.inline(c.graph(condition.data[0] ? 'then_branch' : 'else_branch'), [])
  },
}
