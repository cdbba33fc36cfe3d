import { scalarTensor } from '../../../core/tensor.ts'
import { computes } from '../kernels.ts'
import { nodeOf, type Edge } from '../graph.ts'
import { single, storedEdge, withNumber, type Pattern } from './pattern.ts'

/** Max with 0. */
export const relu: Pattern = (node) => {
  if (node.operator !== 'Max' || node.inputs.length !== 2) return undefined
  const found = withNumber(node)
  const isFloat = found && ['f32', 'f64'].includes(found.x.type.dtype)
  if (!found || !isFloat || found.value !== 0 || !keeps(node.outputs[0]!, found.x)) return undefined
  return { operator: 'Relu', inputs: [found.x] }
}

/** Min of Max, or the other way round where that is the same. */
export const clip: Pattern = (node, uses) => {
  const isMin = node.operator === 'Min'
  if ((!isMin && node.operator !== 'Max') || node.inputs.length !== 2) return undefined
  const outer = withNumber(node)
  if (!outer || !uses.once(outer.x) || !computes('Min', outer.x.type.dtype)) return undefined
  const inner = innerLimit(outer.x, isMin)
  if (!inner || !keeps(node.outputs[0]!, inner.x)) return undefined
  const [low, high] = isMin ? [inner.value, outer.value] : [outer.value, inner.value]
  const limit = (value: number): Edge => storedEdge(scalarTensor(inner.x.type.dtype, value))
  return low <= high ? { operator: 'Clip', inputs: [inner.x, limit(low), limit(high)] } : undefined
}

function innerLimit(edge: Edge, isMin: boolean): { x: Edge; value: number } | undefined {
  const rectified = isMin ? nodeOf(edge, 'Relu') : undefined
  if (rectified) return { x: rectified.inputs[0]!, value: 0 }
  const node = nodeOf(edge, isMin ? 'Max' : 'Min')
  return node?.inputs.length === 2 ? withNumber(node) : undefined
}

/** Whether the number did not give the result its shape. */
const keeps = (result: Edge, x: Edge): boolean =>
  result.type.shape.length === x.type.shape.length && single(x) === undefined
