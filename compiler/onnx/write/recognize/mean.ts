import { elementCount, sameShape } from '../../../core/shape.ts'
import { nodeOf } from '../graph.ts'
import { intsOf, single, type Pattern } from './pattern.ts'

const reductions = ['ReduceSum', 'ReduceMean', 'ReduceProd', 'ReduceMax', 'ReduceMin']

/** A reduction whose axes a Reshape brings back with length 1. */
export const keptAxes: Pattern = (node, uses) => {
  if (node.operator !== 'Reshape' || !uses.once(node.inputs[0])) return undefined
  for (const operator of reductions) {
    const inner = nodeOf(node.inputs[0], operator)
    const axes = intsOf(inner?.inputs[1])
    if (!inner || !axes || inner.attributes['keepdims'] !== 0) continue
    const kept = inner.inputs[0]!.type.shape.map((d, i) => (axes.includes(i) ? 1 : d))
    if (sameShape(kept, node.outputs[0]!.type.shape))
      return { operator, inputs: inner.inputs, attributes: { keepdims: 1 } }
  }
  return undefined
}

/** ReduceSum by the number of elements; GlobalAveragePool where that is all but the first two axes of an image. */
export const mean: Pattern = (node, uses) => {
  const sum = node.operator === 'Div' ? nodeOf(node.inputs[0], 'ReduceSum') : undefined
  const axes = intsOf(sum?.inputs[1])
  if (!sum || !axes || !uses.once(node.inputs[0])) return undefined
  const x = sum.inputs[0]!
  const { shape, dtype } = x.type
  const isMean = single(node.inputs[1]) === elementCount(axes.map((i) => shape[i]!))
  if (!isMean || node.inputs[1]!.type.shape.length > node.outputs[0]!.type.shape.length) return undefined
  const isGlobal = shape.length > 3 && axes.length === shape.length - 2 && axes.every((axis) => axis > 1)
  if (isGlobal && sum.attributes['keepdims'] === 1 && dtype === 'f32')
    return { operator: 'GlobalAveragePool', inputs: [x] }
  return { operator: 'ReduceMean', inputs: sum.inputs, attributes: sum.attributes }
}
