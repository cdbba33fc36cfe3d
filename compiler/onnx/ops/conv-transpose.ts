import type { Value } from '../../core/graph.ts'
import type { WindowAxis } from '../../core/ops/window.ts'
import type { OpContext, Operator } from '../context.ts'
import { range } from '../shared/axes.ts'
import { addBias, channelsFirst } from '../shared/convolution.ts'
import { autoPadOf, perAxis, spatialLengths } from '../shared/window.ts'

/**
 * The window that, moved by 1 over the input spread by the stride, gives the transposed convolution. The length of the
 * result and the part of it cut off at its start follow Operators.md, ConvTranspose.
 */
function transposedWindows(c: OpContext, lengths: readonly number[], sizes: readonly number[]): WindowAxis[] {
  const count = lengths.length
  c.check(sizes.length === count, `the kernel has ${sizes.length} spatial axes, the input ${count}`)
  const strides = perAxis(c, 'strides', count, 1, 1)
  const dilations = perAxis(c, 'dilations', count, 1, 1)
  const pads = perAxis(c, 'pads', 2 * count, 0, 0)
  const extra = perAxis(c, 'output_padding', count, 0, 0)
  const auto = autoPadOf(c)
  const same = auto === 'SAME_UPPER' || auto === 'SAME_LOWER'
  const declared = c.ints('output_shape', [])
  // Some exporters give the whole shape, batch and channel included.
  const wanted = declared.length === count + 2 ? declared.slice(2) : declared
  c.check(
    wanted.length === 0 || wanted.length === count,
    `output_shape has ${declared.length} entries for ${count} spatial axes`,
  )
  return lengths.map((length, i) => {
    const stride = strides[i]!
    const reach = (sizes[i]! - 1) * dilations[i]!
    const spread = (length - 1) * stride + 1
    const full = spread + reach + extra[i]!
    const padded = auto === 'NOTSET' ? pads[i]! + pads[i + count]! : 0
    const out = wanted[i] ?? (same ? length * stride : full - padded)
    c.check(out >= 0, `spatial axis ${i} of the result would have ${out} elements`)
    let cut = auto === 'NOTSET' ? pads[i]! : 0
    if (same || wanted.length > 0) {
      const total = Math.max(0, full - out)
      cut = auto === 'SAME_UPPER' ? Math.floor(total / 2) : Math.ceil(total / 2)
    }
    const low = reach - cut
    return {
      size: sizes[i]!,
      stride: 1,
      dilation: dilations[i]!,
      low,
      high: out + reach - spread - low,
      baseDilation: stride,
    }
  })
}

/** Reversed along its spatial axes, with the output channels of all groups on axis 1 and the inputs of one group on axis 0. */
function flipped(c: OpContext, w: Value, groups: number): Value {
  const { shape } = w.type
  const spatial = shape.slice(2)
  const reversed = c.b.slice(
    w,
    shape.map((d, i) => (i < 2 ? 0 : d - 1)),
    shape,
    shape.map((_, i) => (i < 2 ? 1 : -1)),
  )
  if (groups === 1) return reversed
  const inputs = shape[0]! / groups
  const split = c.b.reshape(reversed, [groups, inputs, shape[1]!, ...spatial])
  const swapped = c.b.transpose(split, [1, 0, ...range(2, shape.length + 1)])
  return c.b.reshape(swapped, [inputs, groups * shape[1]!, ...spatial])
}

/** Kernel axes are input channel, output channel of the group, spatial axes. */
export const convTranspose: Operator = {
  lower: (c: OpContext) => {
    const x = c.input(0)
    const w = c.input(1)
    const groups = c.int('group', 1)
    const lengths = spatialLengths(c, x)
    const [inputs = 0, , ...sizes] = w.type.shape
    c.check(groups >= 1 && inputs % groups === 0, `${inputs} input channels do not divide into ${groups} groups`)
    const result = c.b.convolution(x, flipped(c, w, groups), {
      ...channelsFirst(transposedWindows(c, lengths, sizes), groups),
      rhs: { input: 0, output: 1, spatial: range(2, w.type.shape.length) },
    })
    return [addBias(c, result, c.inputs[2])]
  },
}
