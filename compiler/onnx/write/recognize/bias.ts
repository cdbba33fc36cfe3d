import { elementCount } from '../../../core/shape.ts'
import { tensorOf, toNumbers } from '../../../core/tensor.ts'
import { storedIn, type Edge } from '../graph.ts'
import { pairWith, storedEdge, type Pattern } from './pattern.ts'

/** `edge` as a vector of one element for each position of `axis` of a shape, if it varies along that alone. */
function along(edge: Edge, shape: readonly number[], axis: number): Edge | undefined {
  const tensor = storedIn(edge)
  const own = tensor && axis - (shape.length - tensor.shape.length)
  if (!tensor || !tensor.shape.every((d, i) => d === 1 || i === own) || tensor.shape.length > shape.length)
    return undefined
  const length = shape[axis]!
  if (elementCount(tensor.shape) === length) return storedEdge({ ...tensor, shape: [length] })
  return storedEdge(tensorOf(tensor.dtype, [length], new Array<number>(length).fill(toNumbers(tensor)[0]!)))
}

/** Conv, ConvTranspose or a product of matrices, and then an addition for each channel. */
export const bias: Pattern = (node, uses) => {
  if (node.operator !== 'Add') return undefined
  for (const operator of ['Conv', 'ConvTranspose', 'Gemm', 'MatMul']) {
    const found = pairWith(node, operator, uses)
    if (!found) continue
    const { inner, other } = found
    const { type } = inner.outputs[0]!
    const { shape } = type
    const isMatrix = operator === 'MatMul'
    const fits = isMatrix
      ? inner.inputs.every((x) => x!.type.shape.length === 2) && (type.dtype === 'f32' || type.dtype === 'f64')
      : inner.inputs.length === 2
    const vector = fits ? along(other, shape, 1) : undefined
    if (!vector) continue
    return { operator: isMatrix ? 'Gemm' : operator, inputs: [...inner.inputs, vector], attributes: inner.attributes }
  }
  return undefined
}
