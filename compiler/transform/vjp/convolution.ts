import type { Builder } from '../../core/builder.ts'
import type { NodeOf, Value } from '../../core/graph.ts'
import { spreadLength } from '../../core/ops/window.ts'
import type { Vjp } from './rule.ts'
import { isEmpty } from './spread.ts'

/**
 * What each group has along `outer` (groups · m long) exchanged with `inner` (n long): the axes that then are groups · n and m
 * long. A copy only where there are groups.
 */
function exchange(b: Builder, x: Value, groups: number, outer: number, inner: number) {
  if (groups === 1) return { value: x, outer: inner, inner: outer }
  const { shape } = x.type
  const split = shape.toSpliced(outer, 1, groups, shape[outer]! / groups)
  const [own, other] = [outer + 1, inner > outer ? inner + 1 : inner]
  const order = split.map((_, i) => (i === own ? other : i === other ? own : i))
  const value = b.reshape(
    b.transpose(b.reshape(x, split), order),
    shape.with(outer, groups * shape[inner]!).with(inner, shape[outer]! / groups),
  )
  return { value, outer, inner }
}

/**
 * The kernel's: images and channels exchanged, so that groups of channels are groups of the batch; the cotangent is the kernel; its
 * taps are the places that the forward window went to, so strides and dilations are exchanged too.
 */
function ofKernel(b: Builder, node: NodeOf<'convolution'>, dy: Value): Value {
  const [x, w] = node.operands
  const { lhs, rhs, out, window, groups, padValue } = node.attrs
  const turned = window.map((axis, i) => {
    const size = dy.type.shape[out.spatial[i]!]!
    const spread = spreadLength(x!.type.shape[lhs.spatial[i]!]!, axis.baseDilation)
    const extent = (size - 1) * axis.stride + 1 + (w!.type.shape[rhs.spatial[i]!]! - 1) * axis.dilation
    return { ...axis, size, stride: axis.dilation, dilation: axis.stride, high: extent - spread - axis.low }
  })
  return b.convolution(x!, dy, {
    lhs: { batch: lhs.feature, feature: lhs.batch, spatial: lhs.spatial },
    rhs: { input: out.batch, output: out.feature, spatial: out.spatial },
    out: { batch: rhs.input, feature: rhs.output, spatial: rhs.spatial },
    window: turned,
    groups: 1,
    ...(groups > 1 && { batchGroups: groups }),
    ...(padValue !== undefined && { padValue }),
  })
}

/** The input's: the cotangent, spread by the stride, under the kernel turned round with its channels exchanged. */
function ofInput(b: Builder, node: NodeOf<'convolution'>, dy: Value): Value {
  const [x, w] = node.operands
  const { lhs, rhs, out, window, groups } = node.attrs
  const { shape } = w!.type
  const isTurned = (axis: number): boolean => rhs.spatial.includes(axis) && shape[axis]! > 1
  const flipped = b.slice(
    w!,
    shape.map((d, axis) => (isTurned(axis) ? d - 1 : 0)),
    shape,
    shape.map((_, axis) => (isTurned(axis) ? -1 : 1)),
  )
  const turned = window.map((axis, i) => {
    const length = x!.type.shape[lhs.spatial[i]!]!
    const reach = (axis.size - 1) * axis.dilation
    const low = reach - axis.low
    const spread = spreadLength(dy.type.shape[out.spatial[i]!]!, axis.stride)
    const high = reach + 1 + (length - 1) * axis.baseDilation - spread - low
    return { ...axis, stride: axis.baseDilation, baseDilation: axis.stride, low, high }
  })
  const kernel = exchange(b, flipped, groups, rhs.output, rhs.input)
  return b.convolution(dy, kernel.value, {
    lhs: out,
    rhs: { input: kernel.inner, output: kernel.outer, spatial: rhs.spatial },
    out: lhs,
    window: turned,
    groups,
  })
}

/** The same with groups of features in the place of groups of the batch. */
function withFeatureGroups(b: Builder, { operands, attrs }: NodeOf<'convolution'>): Value {
  const { lhs, batchGroups = 1, ...others } = attrs
  const images = exchange(b, operands[0]!, batchGroups, lhs.batch, lhs.feature)
  const axes = { batch: images.inner, feature: images.outer, spatial: lhs.spatial }
  return b.convolution(images.value, operands[1]!, { ...others, lhs: axes, groups: batchGroups })
}

export const convolution: Vjp<'convolution'> = ({ node, b, dy, varies, pullBack }) => {
  const [x, w] = node.operands
  if (isEmpty(dy)) return []
  if ((node.attrs.batchGroups ?? 1) > 1) return pullBack([withFeatureGroups(b, node)], [dy], [x!, w!])
  return [
    varies(0) && !isEmpty(x!) ? ofInput(b, node, dy) : undefined,
    varies(1) && !isEmpty(w!) ? ofKernel(b, node, dy) : undefined,
  ]
}
