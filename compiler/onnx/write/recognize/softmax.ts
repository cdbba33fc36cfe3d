import { nodeOf } from '../graph.ts'
import { intsOf, type Pattern } from './pattern.ts'

/** e^(x - max x) by its sum. */
export const softmax: Pattern = (node) => {
  if (node.operator !== 'Div') return undefined
  const [power, total] = node.inputs
  const exp = nodeOf(power, 'Exp')
  const sum = nodeOf(total, 'ReduceSum')
  const difference = nodeOf(exp?.inputs[0], 'Sub')
  const most = nodeOf(difference?.inputs[1], 'ReduceMax')
  const axes = [intsOf(sum?.inputs[1]), intsOf(most?.inputs[1])]
  const [axis] = axes[0] ?? []
  const isSoftmax =
    sum?.inputs[0] === power &&
    most?.inputs[0] === difference?.inputs[0] &&
    axes.every((list) => list?.length === 1 && list[0] === axis) &&
    [sum, most].every((n) => n?.attributes['keepdims'] === 1)
  return isSoftmax ? { operator: 'Softmax', inputs: [difference!.inputs[0]], attributes: { axis: axis! } } : undefined
}
