import { elementCount } from '../../../core/shape.ts'
import * as expr from '../../../core/scalar/expr.ts'
import type { Value } from '../../../core/graph.ts'
import { reader, type Tensor } from '../../../core/tensor.ts'
import type { OpContext, Operator } from '../../context.ts'
import * as f from '../../../core/scalar/formula.ts'
import { takeFixed } from '../../shared/indices.ts'
import { sumOf, weightedTaps, type Tap } from '../../shared/sample.ts'

interface Form {
  /** Cells along y and x. */
  readonly cells: readonly [number, number]
  readonly mode: 'avg' | 'max'
  readonly scale: number
  /** Whether coordinates count from half an element on, and regions of less than an element stay as they are. */
  readonly half: boolean
}

function formOf(c: OpContext): Form {
  const cells = [c.int('output_height', 1), c.int('output_width', 1)] as const
  c.check(
    cells.every((n) => n >= 1),
    `an output of ${cells.join(' x ')}`,
  )
  const mode = c.string('mode', 'avg')
  c.check(mode === 'avg' || mode === 'max', `mode is "${mode}"`)
  const coordinates = c.string('coordinate_transformation_mode', c.opset < 16 ? 'output_half_pixel' : 'half_pixel')
  return { cells, mode, scale: c.float('spatial_scale', 1), half: coordinates === 'half_pixel' }
}

/** The cells [regions, channels, cellsY, cellsX] of `rois` [regions, 4] in the images that `images` names. */
function cellsOf(
  c: OpContext,
  { cells, mode, scale, half }: Form,
  rois: Value,
  images: Value,
  ratios: readonly [number, number],
): Value {
  const { b } = c
  const x = c.input(0)
  const [batch = 0, channels = 0, ...spatial] = x.type.shape
  const regions = rois.type.shape[0]!
  // Regions, cells and samples along both axes: [regions, cellsY, cellsX, samplesY, samplesX].
  const grid = [regions, ...cells, ...ratios]
  const samples = elementCount(grid)
  const line = (v: Value): Value => b.reshape(b.broadcast(v, grid), [1, samples])
  const taps = [0, 1].map((axis): Tap[] => {
    const size = spatial[axis]!
    const corner = (k: number): Value => b.reshape(b.sliceAxis(rois, 1, k, 1), [regions, 1, 1, 1, 1])
    // Columns of a region are x1, y1, x2, y2.
    const operands = [corner(1 - axis), corner(3 - axis), b.iota('i32', grid, 1 + axis), b.iota('i32', grid, 3 + axis)]
    const position = b.map(operands, (start, end, cell, sample) => {
      const shift = half ? 0.5 : 0
      const low = f.sub(f.mul(start, scale), shift)
      const length = f.sub(f.sub(f.mul(end, scale), shift), low)
      const step = f.div(half ? length : f.max(length, 1), cells[axis]!)
      const inCell = f.div(f.add(expr.convert(sample, start.dtype), 0.5), ratios[axis]!)
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
  const picture = b.map([images], (i) => expr.convert(f.clamp(i, 0, Math.max(0, batch - 1)), 'i32'))
  const image = { index: line(b.reshape(picture, [regions, 1, 1, 1, 1])) }
  const together = b.reshape(b.transpose(x, [1, 0, 2, 3]), [1, channels, batch, ...spatial])
  const values = weightedTaps(b, together, [[image], ...taps])
  const combined = mode === 'avg' ? sumOf(b, values) : b.map(values, (...elements) => elements.reduce(f.max))
  const perCell = b.reshape(combined, [channels, regions, ...cells, ratios[0] * ratios[1]])
  const result = mode === 'avg' ? b.mean(perCell, [4], false) : b.reduce('max', perCell, [4])
  return b.transpose(result, [1, 0, 2, 3])
}

/** Samples along y and x in a cell of each region: one for each element that the cell's side has begun. */
function ratiosOf(rois: Tensor, { cells, scale, half }: Form): [number, number][] {
  const read = reader(rois)
  const corner = (i: number): number =>
    Math.fround(Math.fround(Number(read(i)) * Math.fround(scale)) - (half ? 0.5 : 0))
  return Array.from({ length: rois.shape[0]! }, (_, i) => {
    const count = (axis: 0 | 1): number => {
      const length = Math.fround(corner(4 * i + 3 - axis) - corner(4 * i + 1 - axis))
      return Math.max(0, Math.ceil(Math.fround((half ? length : Math.max(length, 1)) / cells[axis])))
    }
    return [count(0), count(1)]
  })
}

/**
 * Averages (or takes the maximum of) samples on a regular grid in each cell of each region. He et al., "Mask R-CNN",
 * section 3. A sample more than one element outside is 0; the maximum is over single weighted elements. With
 * sampling_ratio 0 the regions must be known: those with as many samples are computed together.
 */
export const roiAlign: Operator = {
  since: 10,
  limits: 'with sampling_ratio 0 its regions must be known at compile time',
  lower: (c: OpContext) => {
    const { b } = c
    const [x, rois, images] = [c.input(0), c.input(1), c.input(2)]
    const spatialRank = x.type.shape.length - 2
    c.check(spatialRank === 2 && rois.type.shape[1] === 4, 'images of two spatial axes and regions of 4 are wanted')
    const form = formOf(c)
    const ratio = c.int('sampling_ratio', 0)
    if (ratio > 0) return [cellsOf(c, form, rois, images, [ratio, ratio])]

    const groups = new Map<string, { ratios: [number, number]; regions: number[] }>()
    for (const [i, ratios] of ratiosOf(c.constant(1), form).entries()) {
      const group = groups.get(`${ratios}`) ?? { ratios, regions: [] }
      group.regions.push(i)
      groups.set(`${ratios}`, group)
    }
    const channels = x.type.shape[1]!
    const parts = [...groups.values()].map(({ ratios, regions }) => {
      // A region turned inside out has no samples.
      if (ratios.includes(0)) return b.full(0, x.type.dtype, [regions.length, channels, ...form.cells])
      return cellsOf(c, form, takeFixed(b, rois, regions, 0), takeFixed(b, images, regions, 0), ratios)
    })
    if (parts.length === 0) return [b.full(0, x.type.dtype, [0, channels, ...form.cells])]
    const order = [...groups.values()].flatMap(({ regions }) => regions)
    const places = order.map((_, i) => order.indexOf(i))
    return [takeFixed(b, b.concatenate(parts, 0), places, 0)]
  },
}
