import type { WindowAxis } from '../../../core/ops/window.ts'
import { trivialWindow } from '../../../core/ops/window.ts'
import type { Value } from '../../../core/graph.ts'
import type { OpContext } from '../../context.ts'

export interface SpatialWindows {
  /** One entry for each spatial axis, with all the padding that its positions need. */
  readonly axes: readonly WindowAxis[]
  /** Padding at the end of each axis as the model declares it: `ceil_mode` may need more or less. */
  readonly declaredHigh: readonly number[]
}

/** An attribute with one integer for each spatial axis. */
export function perAxis(c: OpContext, name: string, count: number, fallback: number, least: number): number[] {
  const values = c.ints(name, new Array<number>(count).fill(fallback))
  c.check(values.length === count, `${name} has ${values.length} entries, ${count} are wanted`)
  c.check(
    values.every((v) => v >= least),
    `${name} [${values.join(',')}] has an entry below ${least}`,
  )
  return values
}

/** Attribute `auto_pad`: how padding is found where it is not declared. */
export function autoPadOf(c: OpContext): 'NOTSET' | 'SAME_UPPER' | 'SAME_LOWER' | 'VALID' {
  const mode = c.string('auto_pad', 'NOTSET')
  if (mode === 'SAME_UPPER' || mode === 'SAME_LOWER' || mode === 'VALID') return mode
  c.check(mode === 'NOTSET' || mode === '', `auto_pad is "${mode}"`)
  return 'NOTSET'
}

/**
 * Windows of `sizes` over spatial axes of `lengths`, as attributes strides, dilations, pads, auto_pad and ceil_mode of a
 * convolution or pooling operator say. With ceil_mode the last window may end outside, but starts in the input or the
 * padding before it.
 */
export function spatialWindows(c: OpContext, lengths: readonly number[], sizes: readonly number[]): SpatialWindows {
  const count = lengths.length
  c.check(sizes.length === count, `the kernel has ${sizes.length} spatial axes, the input ${count}`)
  const strides = perAxis(c, 'strides', count, 1, 1)
  const dilations = perAxis(c, 'dilations', count, 1, 1)
  const pads = perAxis(c, 'pads', 2 * count, 0, 0)
  const auto = autoPadOf(c)
  const ceil = c.int('ceil_mode', 0) !== 0 && (auto === 'NOTSET' || auto === 'VALID')
  const declaredHigh: number[] = []
  const axes = lengths.map((length, i) => {
    const size = sizes[i]!
    const stride = strides[i]!
    const dilation = dilations[i]!
    const extent = (size - 1) * dilation + 1
    let [low, high] = auto === 'NOTSET' ? [pads[i]!, pads[i + count]!] : [0, 0]
    if (auto === 'SAME_UPPER' || auto === 'SAME_LOWER') {
      const total = Math.max(0, (Math.ceil(length / stride) - 1) * stride + extent - length)
      low = auto === 'SAME_UPPER' ? Math.floor(total / 2) : Math.ceil(total / 2)
      high = total - low
    }
    declaredHigh.push(high)
    if (ceil) {
      const most = Math.ceil((length + low + high - extent) / stride) + 1
      const positions = (most - 1) * stride >= length + low ? most - 1 : most
      const needed = (positions - 1) * stride + extent - length - low
      high = Math.min(Math.max(high, needed), needed + stride - 1)
    }
    return { size, stride, dilation, low, high, baseDilation: 1 }
  })
  return { axes, declaredHigh }
}

/** The spatial axes' lengths of an input whose axes are batch, channel and these. */
export function spatialLengths(c: OpContext, x: Value): number[] {
  c.check(
    x.type.shape.length >= 3,
    `the input has ${x.type.shape.length} axes; batch, channel and at least one more are wanted`,
  )
  return x.type.shape.slice(2)
}

/** Windows of a pooling operator, whose sizes are attribute kernel_shape. */
export function poolWindows(c: OpContext, x: Value): SpatialWindows {
  const lengths = spatialLengths(c, x)
  const sizes = c.ints('kernel_shape')
  c.check(
    sizes.every((size) => size >= 1),
    `kernel_shape is [${sizes.join(',')}]`,
  )
  return spatialWindows(c, lengths, sizes)
}

/** The same for all axes: batch and channel are not pooled. */
export const withoutPooling = (axes: readonly WindowAxis[]): WindowAxis[] => [trivialWindow, trivialWindow, ...axes]
