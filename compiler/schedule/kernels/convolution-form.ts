import type { NodeOf } from '../../core/graph.ts'

/** A channels-last convolution of one or two spatial axes: the form that the templates compute. */
export interface ConvolutionForm {
  readonly batch: number
  readonly channels: number
  readonly outputs: number
  readonly groups: number
  /** Heights are 1 where there is one spatial axis. */
  readonly outHeight: number
  readonly outWidth: number
  readonly kernelHeight: number
  readonly kernelWidth: number
}

const isAscending = (axes: { batch: number; feature: number; spatial: readonly number[] }): boolean =>
  axes.batch === 0 && axes.spatial.every((s, i) => s === i + 1) && axes.feature === axes.spatial.length + 1

/** Types that templates compute: floats, or 8-bit activations with constant i8 weights. */
function hasTemplateTypes(node: NodeOf<'convolution'>): boolean {
  const [x, w] = node.operands
  const { dtype } = x!.type
  if (dtype === 'f32') return w!.type.dtype === 'f32'
  return (dtype === 'i8' || dtype === 'u8') && w!.type.dtype === 'i8' && w!.node.op === 'constant'
}

/** The form of a convolution that templates can compute, else undefined. */
export function channelsLastForm(node: NodeOf<'convolution'>): ConvolutionForm | undefined {
  const { lhs, out, rhs, window, groups, batchGroups = 1 } = node.attrs
  const [x, w] = node.operands
  if (window.length < 1 || window.length > 2 || !isAscending(lhs) || !isAscending(out)) return undefined
  if (batchGroups > 1 || !hasTemplateTypes(node)) return undefined
  const shape = node.results[0]!.type.shape
  if (shape.includes(0) || x!.type.shape.includes(0)) return undefined
  const two = window.length === 2
  return {
    batch: shape[0]!,
    channels: x!.type.shape[lhs.feature]!,
    outputs: w!.type.shape[rhs.output]!,
    groups,
    outHeight: two ? shape[1]! : 1,
    outWidth: shape[two ? 2 : 1]!,
    kernelHeight: two ? window[0]!.size : 1,
    kernelWidth: window[two ? 1 : 0]!.size,
  }
}
