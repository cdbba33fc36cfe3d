import type { NodeOf } from '../../core/graph.ts'

/**
 * A convolution that sums over images: the gradient of another's weights. Its features are the images, its batch the other's
 * input channels, its kernel the gradient of the other's result, its positions the taps.
 */
export interface WeightGradientForm {
  readonly images: number
  readonly groups: number
  /** Of all groups. */
  readonly channels: number
  readonly outputs: number
  /** Of the other's result. Heights are 1 where there is one spatial axis. */
  readonly outHeight: number
  readonly outWidth: number
  readonly kernelHeight: number
  readonly kernelWidth: number
}

/** The form of a weights' gradient whose operands are channels-last activations, else undefined; any axes of the result will do. */
export function weightGradientForm(node: NodeOf<'convolution'>): WeightGradientForm | undefined {
  const { lhs, rhs, out, window, groups, batchGroups = 1, padValue = 0 } = node.attrs
  const [x, g] = node.operands
  const last = window.length + 1
  const inOrder = [lhs, rhs].every(({ spatial }) => spatial.every((axis, i) => axis === i + 1))
  const channelsLast = lhs.feature === 0 && lhs.batch === last && rhs.input === 0 && rhs.output === last && inOrder
  if (window.length < 1 || window.length > 2 || !channelsLast || groups !== 1 || padValue !== 0) return undefined
  if (x!.type.dtype !== 'f32' || g!.type.dtype !== 'f32' || window.some((w) => w.baseDilation > 1)) return undefined
  const { shape } = node.results[0]!.type
  if (shape.includes(0) || x!.type.shape.includes(0)) return undefined
  const two = window.length === 2
  return {
    images: g!.type.shape[0]!,
    groups: batchGroups,
    channels: x!.type.shape[last]!,
    outputs: g!.type.shape[last]!,
    outHeight: two ? window[0]!.size : 1,
    outWidth: window[two ? 1 : 0]!.size,
    kernelHeight: two ? shape[out.spatial[0]!]! : 1,
    kernelWidth: shape[out.spatial[two ? 1 : 0]!]!,
  }
}
