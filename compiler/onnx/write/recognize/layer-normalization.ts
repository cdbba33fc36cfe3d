import { elementCount, sameShape } from '../../../core/shape.ts'
import { storedIn, nodeOf, type Edge, type OnnxNode } from '../graph.ts'
import { intsOf, pairWith, single, storedEdge, type Pattern, type Uses } from './pattern.ts'

/** (x - mean x) / √(mean (x - mean x)² + ε) along the last axes, by a scale, and with a shift where there is one. */
export const layerNormalization: Pattern = (node, uses) => {
  if (node.operator === 'Add') {
    // The product has been recognized before.
    const shifted = pairWith(node, 'LayerNormalization', uses)
    const [x, scale] = shifted?.inner.inputs ?? []
    const shift = shifted && scale && aligned(shifted.other, scale.type.shape)
    const attributes = shifted?.inner.attributes
    if (!shift || shifted.inner.inputs.length !== 2) return undefined
    return { operator: 'LayerNormalization', inputs: [x, scale, shift], attributes: attributes! }
  }
  if (node.operator !== 'Mul') return undefined
  const found = pairWith(node, 'Div', uses) ?? pairWith(node, 'Mul', uses)
  const normal = found && normalized(found.inner, uses)
  if (!normal) return undefined
  const shape = normal.x.type.shape.slice(normal.axis)
  const scale = aligned(found.other, shape)
  const attributes = { axis: normal.axis, epsilon: { float: normal.epsilon } }
  return scale && { operator: 'LayerNormalization', inputs: [normal.x, scale], attributes }
}

/** `edge` as an initializer of that shape, if it is one of as many elements. */
function aligned(edge: Edge, shape: readonly number[]): Edge | undefined {
  const tensor = storedIn(edge)
  const lean = tensor?.shape.slice(Math.max(0, tensor.shape.length - shape.length))
  const fits = tensor && sameShape(lean!, shape) && elementCount(tensor.shape) === elementCount(shape)
  return fits ? storedEdge({ ...tensor, shape }) : undefined
}

/** The factors of what is divided by a root, or multiplied by its reciprocal. */
function quotient(node: OnnxNode, uses: Uses): readonly (Edge | undefined)[] {
  if (node.operator === 'Div') return node.inputs
  const found = pairWith(node, 'Div', uses)
  return found && single(found.inner.inputs[0]) === 1 ? [found.other, found.inner.inputs[1]] : []
}

function normalized(node: OnnxNode, uses: Uses): { x: Edge; axis: number; epsilon: number } | undefined {
  const [difference, root] = quotient(node, uses)
  const centred = nodeOf(difference, 'Sub')
  const sum = uses.once(root) ? nodeOf(nodeOf(root, 'Sqrt')?.inputs[0], 'Add') : undefined
  const variance = sum && pairWith(sum, 'ReduceMean', uses)
  const square = nodeOf(variance?.inner.inputs[0], 'Mul')
  const mean = nodeOf(centred?.inputs[1], 'ReduceMean')
  const x = centred?.inputs[0]
  if (!x || x.type.dtype !== 'f32' || !variance || !mean || !square?.inputs.every((edge) => edge === difference))
    return undefined
  const epsilon = single(variance.other)
  const axes = [mean, variance.inner].map((n) => intsOf(n.inputs[1])?.join())
  const axis = intsOf(mean.inputs[1])?.[0]
  const isKept = [mean, variance.inner].every((n) => n.attributes['keepdims'] === 1)
  if (mean.inputs[0] !== x || epsilon === undefined || axis === undefined || axes[0] !== axes[1] || !isKept)
    return undefined
  const last = x.type.shape.map((_, i) => i).slice(axis)
  return axes[0] === last.join() ? { x, axis, epsilon } : undefined
}
