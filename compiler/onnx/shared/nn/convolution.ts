import type { Value } from '../../../core/graph.ts'
import type { ConvolutionAttrs } from '../../../core/ops/convolution.ts'
import type { WindowAxis } from '../../../core/ops/window.ts'
import type { OpContext } from '../../context.ts'
import { alongAxis, range } from '../axes.ts'
import { spatialLengths, spatialWindows } from './window.ts'

/** Activations as ONNX has them: batch, channel, spatial axes. */
export function channelsFirst(
  window: readonly WindowAxis[],
  groups: number,
): Pick<ConvolutionAttrs, 'lhs' | 'out' | 'window' | 'groups'> {
  const activation = { batch: 0, feature: 1, spatial: range(2, window.length + 2) }
  return { lhs: activation, out: activation, window, groups }
}

/** Attributes of a convolution of `x` with a kernel of ONNX's layout: output channel, input channel of the group, spatial axes. */
export function convolutionAttrs(c: OpContext, x: Value, w: Value): ConvolutionAttrs {
  const sizes = w.type.shape.slice(2)
  const declared = c.ints('kernel_shape', sizes)
  c.check(
    declared.length === sizes.length && declared.every((size, i) => size === sizes[i]),
    `kernel_shape is [${declared.join(',')}], the kernel's is [${sizes.join(',')}]`,
  )
  const { axes } = spatialWindows(c, spatialLengths(c, x), sizes)
  return {
    ...channelsFirst(axes, c.int('group', 1)),
    rhs: { output: 0, input: 1, spatial: range(2, sizes.length + 2) },
  }
}

/** `x` plus a bias for each channel, if there is one. */
export function addBias(c: OpContext, x: Value, bias: Value | undefined): Value {
  return bias ? c.b.binary('add', x, alongAxis(c, bias, 1, x.type.shape.length)) : x
}
