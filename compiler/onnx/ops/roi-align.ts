import { elementCount } from '../../core/shape.ts'
import * as expr from '../../core/expr.ts'
import type { Value } from '../../core/graph.ts'
import type { OpContext, Operator } from '../context.ts'
import * as f from '../../core/formula.ts'
import { sumOf, weightedTaps, type Tap } from '../shared/sample.ts'

/**
 * Averages (or takes the maximum of) samples on a regular grid in each cell of each region. He et al., "Mask R-CNN",
 * section 3. A sample more than one element outside is 0; the maximum is over single weighted elements.
 */
export const roiAlign: Operator = {
  since: 10,
  lower: (c: OpContext) => {
    const { b } = c
    const x = c.input(0)
    const rois = c.input(1)
    const [batch = 0, channels = 0, ...spatial] = x.type.shape
    c.check(spatial.length === 2 && rois.type.shape[1] === 4, 'images of two spatial axes and regions of 4 are wanted')
    const regions = rois.type.shape[0]!
    const ratio = c.int('sampling_ratio', 0)
    if (ratio < 1) c.unsupported('a number of samples that depends on the size of the region (sampling_ratio 0)')
    const cells = [c.int('output_height', 1), c.int('output_width', 1)]
    c.check(
      cells.every((n) => n >= 1),
      `an output of ${cells.join(' x ')}`,
    )
    const mode = c.string('mode', 'avg')
    c.check(mode === 'avg' || mode === 'max', `mode is "${mode}"`)
    const scale = c.float('spatial_scale', 1)
    const half =
      c.string('coordinate_transformation_mode', c.opset < 16 ? 'output_half_pixel' : 'half_pixel') === 'half_pixel'

    // Regions, cells and samples along both axes: [regions, cellsY, cellsX, samplesY, samplesX].
    const grid = [regions, ...cells, ratio, ratio]
    const samples = elementCount(grid)
    const line = (v: Value): Value => b.reshape(b.broadcast(v, grid), [1, samples])
    const taps = [0, 1].map((axis): Tap[] => {
      const size = spatial[axis]!
      const corner = (k: number): Value => b.reshape(b.sliceAxis(rois, 1, k, 1), [regions, 1, 1, 1, 1])
      // Columns of a region are x1, y1, x2, y2.
      const operands = [
        corner(1 - axis),
        corner(3 - axis),
        b.iota('i32', grid, 1 + axis),
        b.iota('i32', grid, 3 + axis),
      ]
      const position = b.map(operands, (start, end, cell, sample) => {
        const shift = half ? 0.5 : 0
        const low = f.sub(f.mul(start, scale), shift)
        const length = f.sub(f.sub(f.mul(end, scale), shift), low)
        const step = f.div(half ? length : f.max(length, 1), cells[axis]!)
        const inCell = f.div(f.add(expr.convert(sample, start.dtype), 0.5), ratio)
        return f.add(low, f.mul(f.add(expr.convert(cell, start.dtype), inCell), step))
      })
      const valid = b.map([position], (p) => f.and(f.ge(p, -1), f.le(p, size)))
      const inside = b.map([position], (p) => f.clamp(p, 0, size - 1))
      const low = b.unary('floor', inside)
      const fraction = b.binary('sub', inside, low)
      return [0, 1].map((offset) => ({
        index: line(b.map([low], (i) => expr.convert(f.min(f.add(i, offset), size - 1), 'i32'))),
        weight: line(b.map([fraction], (t) => expr.convert(offset === 0 ? f.sub(1, t) : t, x.type.dtype))),
        valid: line(valid),
      }))
    })
    const image = { index: line(b.convert(b.reshape(c.input(2), [regions, 1, 1, 1, 1]), 'i32')) }
    const together = b.reshape(b.transpose(x, [1, 0, 2, 3]), [1, channels, batch, ...spatial])
    const values = weightedTaps(b, together, [[image], ...taps])
    const cellShape = [channels, regions, ...cells, ratio * ratio]
    const combined = mode === 'avg' ? sumOf(b, values) : b.map(values, (...elements) => elements.reduce(f.max))
    const perCell = b.reshape(combined, cellShape)
    const result = mode === 'avg' ? b.mean(perCell, [4], false) : b.reduce('max', perCell, [4])
    return [b.transpose(result, [1, 0, 2, 3])]
  },
}
