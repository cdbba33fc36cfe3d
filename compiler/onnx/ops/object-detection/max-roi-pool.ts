import type { Expr } from '../../../core/scalar/expr.ts'
import * as expr from '../../../core/scalar/expr.ts'
import type { Value } from '../../../core/graph.ts'
import type { OpContext, Operator } from '../../context.ts'
import * as f from '../../../core/scalar/formula.ts'

/** Nearest whole number, halves away from zero. */
const rounded = (x: Expr): Expr =>
  f.select(f.lt(x, 0), expr.unary('ceil', f.sub(x, 0.5)), expr.unary('floor', f.add(x, 0.5)))

/**
 * The maximum of the elements that each cell of each region touches, 0 where that is none (Girshick, "Fast R-CNN", section
 * 2.1). Rows of the regions are image, x1, y1, x2, y2, in whole elements and including the last.
 */
export const maxRoiPool: Operator = {
  lower: (c: OpContext) => {
    const { b } = c
    const [x, rois] = [c.input(0), c.input(1)]
    const { dtype, shape } = x.type
    const [regions = 0, columns] = rois.type.shape
    const cells = c.ints('pooled_shape')
    c.check(shape.length === 4 && columns === 5, 'images of two spatial axes and regions of 5 are wanted')
    c.check(cells.length === 2 && cells.every((n) => n >= 1), `pooled_shape [${cells.join(',')}]`)
    const scale = c.float('spatial_scale', 1)
    const column = (k: number): Value => b.reshape(b.sliceAxis(rois, 1, k, 1), [regions, 1, 1])

    // Whether a cell touches a place along one axis: [regions, cells, places].
    const touched = [0, 1].map((axis) => {
      const grid = [regions, cells[axis]!, shape[2 + axis]!]
      const operands = [column(2 - axis), column(4 - axis), b.iota('i32', grid, 1), b.iota('i32', grid, 2)]
      return b.map(operands, (start, end, cell, place) => {
        const [k, at] = [expr.convert(cell, start.dtype), expr.convert(place, start.dtype)]
        const low = rounded(f.mul(start, scale))
        const step = f.div(f.max(f.add(f.sub(rounded(f.mul(end, scale)), low), 1), 1), cells[axis]!)
        const first = f.add(expr.unary('floor', f.mul(k, step)), low)
        const last = f.add(expr.unary('ceil', f.mul(f.add(k, 1), step)), low)
        return f.and(f.ge(at, first), f.lt(at, last))
      })
    })
    const lowest = b.scalar(-Infinity, dtype)
    /** The maximum over the last axis of `values` [regions, channels, …, places] for every cell, which becomes axis 2. */
    const highest = (values: Value, mask: Value): Value => {
      const [, channels = 0, ...others] = values.type.shape
      const [, count = 0, places = 0] = mask.type.shape
      const kept = others.slice(0, -1)
      const spread = b.reshape(values, [regions, channels, 1, ...others])
      const over = b.reshape(mask, [regions, 1, count, ...kept.map(() => 1), places])
      return b.reduce('max', b.select(over, spread, lowest), [3 + kept.length])
    }
    const images = b.take(x, b.reshape(b.convert(column(0), 'i32'), [regions]), 0)
    const alongX = highest(images, touched[1]!)
    return [b.map([highest(alongX, touched[0]!)], (v) => f.select(f.eq(v, -Infinity), 0, v))]
  },
}
