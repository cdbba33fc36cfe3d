import { integerRange, type DType } from '../../../core/scalar/dtype.ts'
import { elementCount } from '../../../core/shape.ts'
import { tensorOf, toNumbers } from '../../../core/tensor.ts'
import { nodeOf, storedIn, type Edge, type OnnxNode } from '../graph.ts'
import { single, storedEdge, type Pattern, type Uses } from './pattern.ts'

const stored: readonly DType[] = ['i8', 'u8', 'i4', 'u4']

/** (q - zero) · scale. */
export const dequantizeLinear: Pattern = (node, uses) => {
  if (node.operator !== 'Mul') return undefined
  const [float, scale] = node.inputs
  const cast = uses.once(float) ? nodeOf(float, 'Cast') : undefined
  if (!cast || float!.type.dtype !== 'f32' || scale!.type.dtype !== 'f32') return undefined
  const difference = uses.once(cast.inputs[0]) ? nodeOf(cast.inputs[0], 'Sub') : undefined
  const wide = difference && uses.once(difference.inputs[0]) ? nodeOf(difference.inputs[0], 'Cast') : undefined
  const q = difference ? wide?.inputs[0] : cast.inputs[0]
  if (!q) return undefined
  const isBias = q.type.dtype === 'i32' && storedIn(q) !== undefined && !difference
  if (!stored.includes(q.type.dtype) && !isBias) return undefined
  const zero = difference?.inputs[1]
  const inputs = parameters(node.outputs[0]!, q.type.dtype, scale!, zero)
  return inputs && { operator: 'DequantizeLinear', inputs: [q, ...inputs.edges], attributes: inputs.attributes }
}

/** saturate(round(x / scale) + zero), and 0 for NaN, of which ONNX says nothing. */
export const quantizeLinear: Pattern = (node, uses) => {
  const { dtype } = node.outputs[0]!.type
  if (node.operator !== 'Cast' || (dtype !== 'i8' && dtype !== 'u8')) return undefined
  const clip = clipped(node.inputs[0], uses)
  const { min, max } = integerRange(dtype)
  if (!clip || single(clip.inputs[1]) !== Number(min) || single(clip.inputs[2]) !== Number(max)) return undefined
  const [whole] = clip.inputs
  const sum = uses.once(whole) ? nodeOf(whole, 'Add') : undefined
  const rounded = nodeOf(sum ? sum.inputs[0] : whole, 'Round')
  const quotient = rounded && uses.once(rounded.outputs[0]) ? nodeOf(rounded.inputs[0], 'Div') : undefined
  if (!quotient || !uses.once(quotient.outputs[0])) return undefined
  const [x, scale] = quotient.inputs
  if (x!.type.dtype !== 'f32') return undefined
  const inputs = parameters(node.outputs[0]!, dtype, scale!, sum?.inputs[1], true)
  return inputs && { operator: 'QuantizeLinear', inputs: [x, ...inputs.edges], attributes: inputs.attributes }
}

/** The Clip of which NaN becomes 0. */
function clipped(edge: Edge | undefined, uses: Uses): OnnxNode | undefined {
  const where = uses.once(edge) ? nodeOf(edge, 'Where') : undefined
  const [isNaN, zero, value] = where?.inputs ?? []
  const test = nodeOf(isNaN, 'IsNaN')
  const isGuard = where && single(zero) === 0 && test?.inputs[0] === value && uses.times(value) === 2
  return isGuard ? nodeOf(value, 'Clip') : undefined
}

/** Scale and zero point as these operators take them: scalars, or a vector along one axis. */
function parameters(result: Edge, dtype: DType, scale: Edge, zero: Edge | undefined, withZero = false) {
  const { shape } = result.type
  const tensor = storedIn(scale)
  const zeros = zero && storedIn(zero)
  if (!tensor || (zero && !zeros) || tensor.shape.length > shape.length) return undefined
  const lead = shape.length - tensor.shape.length
  const along = tensor.shape.flatMap((d, i) => (d === 1 ? [] : [i + lead]))
  const [axis] = along
  if (along.length > 1 || tensor.shape.some((d, i) => d !== 1 && d !== shape[i + lead])) return undefined
  const form = axis === undefined ? [] : [shape[axis]!]
  const count = elementCount(form)
  const points = zeros ? toNumbers(zeros) : [0]
  const { min, max } = integerRange(dtype)
  const isAligned = points.length === 1 || (points.length === count && alongSame(zeros!.shape, tensor.shape))
  if (!isAligned || !points.every((z) => Number.isInteger(z) && z >= Number(min) && z <= Number(max))) return undefined
  const isZero = points.every((z) => z === 0)
  const all = points.length === count ? points : new Array<number>(count).fill(points[0]!)
  const factor = storedEdge({ ...tensor, shape: form })
  // Without a zero point the integers of QuantizeLinear are u8.
  const point = !isZero || withZero ? [storedEdge(tensorOf(dtype, form, all))] : []
  return { edges: [factor, ...point], attributes: axis === undefined ? {} : { axis } }
}

/** Whether two shapes are the same but for axes of length 1 in front. */
function alongSame(a: readonly number[], b: readonly number[]): boolean {
  const lean = (s: readonly number[]): string => s.slice(s.findIndex((d) => d !== 1)).join()
  return lean(a) === lean(b)
}
