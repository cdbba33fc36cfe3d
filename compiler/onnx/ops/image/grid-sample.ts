import { isFloat } from '../../../core/scalar/dtype.ts'
import * as expr from '../../../core/scalar/expr.ts'
import type { Expr } from '../../../core/scalar/expr.ts'
import type { Value } from '../../../core/graph.ts'
import type { OpContext, Operator } from '../../context.ts'
import { range } from '../../shared/axes.ts'
import * as f from '../../../core/scalar/formula.ts'
import { clampedTap, component, sumOf, weightedTaps, type Tap } from '../../shared/sample.ts'

type Padding = 'zeros' | 'border' | 'reflection'

/** Keys' cubic convolution with a = -0.75: weights of the elements at distances 1 + t, t, 1 - t and 2 - t. */
function cubicWeights(t: Expr): Expr[] {
  const a = -0.75
  const near = (d: Expr): Expr => f.add(f.mul(f.sub(f.mul(d, a + 2), a + 3), f.square(d)), 1)
  const far = (d: Expr): Expr => f.mul(f.sub(f.mul(f.add(f.mul(f.sub(d, 5), d), 8), d), 4), a)
  return [far(f.add(t, 1)), near(t), near(f.sub(1, t)), far(f.sub(2, t))]
}

/** `x` mirrored at `low` and `high` until it lies between them. */
function reflected(x: Expr, low: number, high: number): Expr {
  const span = high - low
  if (span === 0) return f.mul(x, 0)
  const beyond = f.max(f.max(f.sub(low, x), f.sub(x, high)), 0)
  const turns = expr.unary('trunc', f.div(beyond, span))
  const rest = f.sub(beyond, f.mul(turns, span))
  const even = f.eq(f.sub(turns, f.mul(expr.unary('floor', f.mul(turns, 0.5)), 2)), 0)
  // An even number of turns leaves it at the border that it crossed.
  const nearLow = f.add(rest, low)
  const nearHigh = f.sub(high, rest)
  const below = f.select(even, nearLow, nearHigh)
  const above = f.select(even, nearHigh, nearLow)
  return f.select(f.lt(x, low), below, f.select(f.gt(x, high), above, x))
}

/** Samples `x` [batch, channel, …spatial] at a grid of positions in -1 … 1, whose last axis counts spatial axes from the last. */
export const gridSample: Operator = {
  since: 16,
  lower: (c: OpContext) => {
    const { b } = c
    const x = c.input(0)
    const grid = c.input(1)
    const spatial = x.type.shape.slice(2)
    const mode = c.string('mode', c.opset < 20 ? 'bilinear' : 'linear')
    const padding = c.string('padding_mode', 'zeros') as Padding
    const align = c.int('align_corners', 0) !== 0
    c.check(['nearest', 'bilinear', 'linear', 'bicubic', 'cubic'].includes(mode), `mode is "${mode}"`)
    c.check(['zeros', 'border', 'reflection'].includes(padding), `padding_mode is "${padding}"`)
    c.check(
      grid.type.shape.at(-1) === spatial.length && grid.type.shape.length === spatial.length + 2,
      `a grid of shape [${grid.type.shape.join(',')}] for ${spatial.length} spatial axes`,
    )
    if (mode !== 'nearest' && !isFloat(x.type.dtype)) c.unsupported(`${mode} interpolation of ${x.type.dtype}`)

    const fold = (position: Expr, size: number): Expr => {
      if (padding === 'border') return f.clamp(position, 0, size - 1)
      return padding === 'reflection' ? reflected(position, align ? 0 : -0.5, align ? size - 1 : size - 0.5) : position
    }
    const tapAt = (index: Value, size: number, weight?: Value): Tap => {
      if (padding === 'zeros') return clampedTap(b, index, size, weight)
      const inside = b.map([index], (i) => expr.convert(f.clamp(fold(i, size), 0, size - 1), 'i32'))
      return weight ? { index: inside, weight } : { index: inside }
    }
    const taps = range(0, spatial.length).map((axis): Tap[] => {
      const size = spatial[axis]!
      const position = b.map([component(b, grid, spatial.length - 1 - axis)], (g) => {
        const scaled = align ? f.mul(f.add(g, 1), (size - 1) / 2) : f.mul(f.sub(f.mul(f.add(g, 1), size), 1), 0.5)
        return fold(mode === 'nearest' ? f.round(scaled) : scaled, size)
      })
      if (mode === 'nearest') return [tapAt(position, size)]
      const low = b.unary('floor', position)
      const fraction = b.convert(b.binary('sub', position, low), x.type.dtype)
      const cubic = mode === 'cubic' || mode === 'bicubic'
      return (cubic ? [-1, 0, 1, 2] : [0, 1]).map((offset, k) => {
        const weight = b.map([fraction], (t) => (cubic ? cubicWeights(t)[k]! : k === 0 ? f.sub(1, t) : t))
        return tapAt(
          b.map([low], (i) => f.add(i, offset)),
          size,
          weight,
        )
      })
    })
    const samples = sumOf(b, weightedTaps(b, x, taps))
    return [b.reshape(samples, [...x.type.shape.slice(0, 2), ...grid.type.shape.slice(1, -1)])]
  },
}
