import { constantOf } from '../../../core/evaluate.ts'
import type { Value } from '../../../core/graph.ts'
import { spreadLength, type WindowAxis } from '../../../core/ops/window.ts'
import { elementCount } from '../../../core/shape.ts'
import { reader } from '../../../core/tensor.ts'
import type { OpContext, Operator } from '../../context.ts'
import { range } from '../../shared/axes.ts'
import { addBias, channelsFirst } from '../../shared/nn/convolution.ts'
import { overlapAdd, type BlockAxis } from '../../shared/nn/overlap-add.ts'
import { autoPadOf, perAxis, spatialLengths } from '../../shared/nn/window.ts'

/** One spatial axis: where the kernel, moved by the stride for each element of the input, lies in the result. */
interface Spread extends BlockAxis {
  /** Length of the result. */
  readonly out: number
}

/** The length of the result and the part of it cut off at its start (`low`) follow Operators.md, ConvTranspose. */
function spreadsOf(c: OpContext, lengths: readonly number[], sizes: readonly number[]): Spread[] {
  const count = lengths.length
  c.check(sizes.length === count, `the kernel has ${sizes.length} spatial axes, the input ${count}`)
  c.check(
    sizes.every((size) => size >= 1),
    `the kernel has spatial axes of [${sizes.join(',')}]`,
  )
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
    const [size, stride, dilation] = [sizes[i]!, strides[i]!, dilations[i]!]
    const full = (length - 1) * stride + 1 + (size - 1) * dilation + extra[i]!
    const padded = auto === 'NOTSET' ? pads[i]! + pads[i + count]! : 0
    const out = wanted[i] ?? (same ? length * stride : full - padded)
    c.check(out >= 0, `spatial axis ${i} of the result would have ${out} elements`)
    let low = auto === 'NOTSET' ? pads[i]! : 0
    if (same || wanted.length > 0) {
      const total = Math.max(0, full - out)
      low = auto === 'SAME_UPPER' ? Math.floor(total / 2) : Math.ceil(total / 2)
    }
    return { size, stride, dilation, low, out }
  })
}

/** The window that, moved by 1 over an input of this length spread by the stride, gives the transposed convolution. */
function windowOf({ size, stride, dilation, low: cut, out }: Spread, length: number): WindowAxis {
  const span = (size - 1) * dilation
  const low = span - cut
  const high = out + span - spreadLength(length, stride) - low
  return { size, stride: 1, dilation, low, high, baseDilation: stride }
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

/** Every element of the input times the kernel, added up where it lies: nothing but the input meets the kernel. */
function productsAdded(c: OpContext, x: Value, w: Value, groups: number, spreads: readonly Spread[]): Value {
  const [batch = 0, inputs = 0, ...positions] = x.type.shape
  const [, outputs = 0, ...sizes] = w.type.shape
  const each = inputs / groups
  const [taps, places] = [outputs * elementCount(sizes), elementCount(positions)]
  const products = c.b.dotGeneral(c.b.reshape(w, [groups, each, taps]), c.b.reshape(x, [batch, groups, each, places]), {
    lhsBatch: [0],
    rhsBatch: [1],
    lhsContract: [1],
    rhsContract: [2],
  })
  const columns = c.b.transpose(products, [2, 0, 1, 3])
  const image = spreads.map(({ out }) => out)
  return overlapAdd(c.b, columns, { batch, channels: groups * outputs, positions, image }, spreads)
}

/** A convolution may be computed with zeros beside the input, and 0 · ∞ and 0 · NaN are NaN. */
const isKnownFinite = (w: Value): boolean => {
  const known = constantOf(w)
  if (!known) return false
  const read = reader(known)
  for (let i = 0; i < known.data.length; i++) if (!Number.isFinite(Number(read(i)))) return false
  return true
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
    const spreads = spreadsOf(c, lengths, sizes)
    const result = isKnownFinite(w)
      ? c.b.convolution(x, flipped(c, w, groups), {
          ...channelsFirst(
            spreads.map((spread, i) => windowOf(spread, lengths[i]!)),
            groups,
          ),
          rhs: { input: 0, output: 1, spatial: range(2, w.type.shape.length) },
        })
      : productsAdded(c, x, w, groups, spreads)
    return [addBias(c, result, c.inputs[2])]
  },
}
