import { computeType } from '../../kernels.ts'
import { ordered } from '../ordered.ts'
import type { Rule } from '../rule.ts'

export const argreduce: Rule<'argreduce'> = (e, node, [x]) => {
  const { kind, axis, last } = node.attrs
  const { shape } = node.results[0]!.type
  const operator = kind === 'max' ? 'ArgMax' : 'ArgMin'
  const y = ordered(e, x!)
  const operand = e.cast(y, computeType(operator, y.type.dtype))
  const attributes = { axis, keepdims: 0, ...(last && { select_last_index: 1 }) }
  return [e.cast(e.node(operator, [operand], { dtype: 'i64', shape }, attributes), 'i32')]
}
