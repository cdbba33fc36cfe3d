import { nodeOf } from '../graph.ts'
import { pairWith, single, type Pattern } from './pattern.ts'

/** 1 / (1 + e^-x). */
export const sigmoid: Pattern = (node, uses) => {
  if (node.operator !== 'Div' || single(node.inputs[0]) !== 1 || !uses.once(node.inputs[1])) return undefined
  const sum = nodeOf(node.inputs[1], 'Add')
  const power = sum && pairWith(sum, 'Exp', uses)
  if (!power || single(power.other) !== 1) return undefined
  const negative = uses.once(power.inner.inputs[0]) ? nodeOf(power.inner.inputs[0], 'Neg') : undefined
  return negative && { operator: 'Sigmoid', inputs: negative.inputs }
}
