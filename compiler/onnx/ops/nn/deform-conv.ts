import { elementCount } from '../../../core/shape.ts'
import { windowShape } from '../../../core/ops/window.ts'
import * as expr from '../../../core/scalar/expr.ts'
import type { OpContext, Operator } from '../../context.ts'
import { range } from '../../shared/axes.ts'
import { addBias } from '../../shared/nn/convolution.ts'
import * as f from '../../../core/scalar/formula.ts'
import { linearTaps, sumOf, weightedTaps } from '../../shared/sample.ts'
import { spatialLengths, spatialWindows } from '../../shared/nn/window.ts'

/**
 * Convolution whose taps are moved by offsets and weighted by a mask: samples of the input, then a product with the kernel.
 * Zhu et al., "Deformable ConvNets v2", section 3.
 */
export const deformConv: Operator = {
  since: 19,
  lower: (c: OpContext) => {
    const { b } = c
    const x = c.input(0)
    const w = c.input(1)
    const { dtype } = x.type
    const [batch = 0, channels = 0] = x.type.shape
    const [outputs = 0, inputs = 0, ...sizes] = w.type.shape
    const lengths = spatialLengths(c, x)
    const rank = lengths.length
    const groups = c.int('group', 1)
    const offsetGroups = c.int('offset_group', 1)
    const { axes } = spatialWindows(c, lengths, sizes)
    const out = windowShape(lengths, axes)
    const taps = elementCount(sizes)
    const positions = elementCount(out)
    c.check(
      groups >= 1 && offsetGroups >= 1 && channels % offsetGroups === 0 && inputs * groups === channels,
      `${channels} channels in ${groups} groups and ${offsetGroups} offset groups for a kernel of ${inputs}`,
    )
    // Offsets are [batch, offset group, kernel element, component, …positions].
    const all = [batch * offsetGroups, ...sizes, ...out]
    const offsets = b.reshape(c.input(2), [batch * offsetGroups, ...sizes, rank, ...out])
    const coordinates = range(0, rank).map((axis) => {
      const offset = b.reshape(b.sliceAxis(offsets, rank + 1, axis, 1), all)
      const { stride, dilation, low } = axes[axis]!
      const operands = [offset, b.iota('i32', all, 1 + axis), b.iota('i32', all, 1 + rank + axis)]
      const moved = b.map(operands, (o, k, p) => {
        const regular = f.sub(f.add(f.mul(p, stride), f.mul(k, dilation)), low)
        return f.add(o, expr.convert(regular, dtype))
      })
      return linearTaps(b, b.reshape(moved, [batch * offsetGroups, taps * positions]), lengths[axis]!)
    })
    const split = b.reshape(x, [batch * offsetGroups, channels / offsetGroups, ...lengths])
    const samples = sumOf(b, weightedTaps(b, split, coordinates))
    const mask = c.inputs[4] && b.reshape(c.inputs[4], [batch * offsetGroups, 1, taps * positions])
    const weighted = mask ? b.binary('mul', samples, mask) : samples
    const product = b.dotGeneral(
      b.reshape(w, [groups, outputs / groups, inputs, taps]),
      b.reshape(weighted, [batch, groups, inputs, taps, positions]),
      { lhsBatch: [0], rhsBatch: [1], lhsContract: [2, 3], rhsContract: [2, 3] },
    )
    return [addBias(c, b.reshape(b.transpose(product, [2, 0, 1, 3]), [batch, outputs, ...out]), c.inputs[3])]
  },
}
