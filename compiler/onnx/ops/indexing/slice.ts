import * as f from '../../../core/scalar/formula.ts'
import type { Value } from '../../../core/graph.ts'
import type { OpContext, Operator } from '../../context.ts'
import { add, known, numberOf, rangeOfDim, subtract, type Dim } from '../../dims.ts'
import { normalizeAxis, range } from '../../shared/axes.ts'

interface Cut {
  readonly start: Dim
  readonly end: Dim
  readonly step: number
}

/** What is taken of an axis of `size` elements: from `first` on, `count` of them, which are `most` at most. */
function taken(c: OpContext, { start, end, step }: Cut, size: Dim): { first: Dim; count: Dim; most: number } {
  const { b, sized } = c
  // Downwards the start is at least the first element, but the end may lie before it.
  const [low, high] = step > 0 ? [known(0), size] : [known(-1), add(size, known(-1))]
  const place = (at: Dim, least: Dim): Dim => sized.max(b, sized.min(b, sized.wrap(b, at, size), high), least)
  const [first, last] = [place(start, known(0)), place(end, low)]
  const [way, given] =
    step > 0 ? [subtract(last, first), subtract(end, start)] : [subtract(first, last), subtract(start, end)]
  const count = sized.ceil(b, sized.max(b, way, known(0)), known(Math.abs(step)))
  // Of places that count from the beginning, clamping brings none further apart.
  const isPlain = rangeOfDim(start).low >= 0 && rangeOfDim(end).low >= 0
  const apart = isPlain ? Math.ceil(Math.max(0, rangeOfDim(given).high) / Math.abs(step)) : Infinity
  return { first, count, most: Math.min(rangeOfDim(count).high, apart) }
}

/** Before opset 10 starts, ends and axes are attributes, and there are no steps. */
export const slice: Operator = {
  floats: 'moved',
  sized: true,
  strings: true,
  lower: (c: OpContext) => {
    const byInput = c.opset >= 10
    const of = (i: number, name: string): readonly Dim[] => (byInput ? c.sizes(i) : c.ints(name).map(known))
    const [starts, ends] = [of(1, 'starts'), of(2, 'ends')]
    const all = range(0, starts.length)
    const rank = c.input(0).type.shape.length
    const axes = (byInput ? c.constantInts(3, all) : c.ints('axes', all)).map((axis) => normalizeAxis(c, axis, rank))
    const ones = all.map(() => 1)
    const steps = byInput ? c.constantInts(4, ones) : ones
    const list = (dims: readonly Dim[]): string => dims.map((dim) => numberOf(dim) ?? '?').join(',')
    const same = [ends, axes, steps].every((each) => each.length === starts.length)
    c.check(
      same && !steps.includes(0),
      `starts [${list(starts)}], ends [${list(ends)}], axes [${axes.join(',')}], steps [${steps.join(',')}]`,
    )
    const dims = [...c.dims(0)]
    const fixed = { start: dims.map(() => 0), shape: [...c.input(0).type.shape], strides: dims.map(() => 1) }
    /** Axes whose first element is known at run time only. */
    const moving: { axis: number; first: Dim; step: number; most: number }[] = []
    axes.forEach((axis, i) => {
      const step = steps[i]!
      const size = fixed.shape[axis]!
      const { first, count, most } = taken(c, { start: starts[i]!, end: ends[i]!, step }, dims[axis]!)
      dims[axis] = count
      const start = numberOf(first)
      if (start === undefined || (step < 0 && numberOf(count) === undefined)) moving.push({ axis, first, step, most })
      else {
        // What is bounded by its own size may be padded more.
        const length = Math.min(most, Math.ceil((step > 0 ? size - start : start + 1) / Math.abs(step)))
        fixed.start[axis] = length === 0 ? 0 : start
        fixed.shape[axis] = Math.max(0, length)
        // A step longer than the axis takes one element.
        fixed.strides[axis] = length <= 1 ? 1 : step
      }
    })
    const cut = c.b.slice(c.input(0), fixed.start, fixed.shape, fixed.strides)
    const move = (x: Value, { axis, first, step, most }: (typeof moving)[number]): Value => {
      const places = c.b.map([c.b.iota('i32', [most], 0), c.sized.value(c.b, first)], (i, at) =>
        f.add(at!, f.mul(i!, step)),
      )
      return c.b.take(x, places, axis)
    }
    return [c.sizedTo(moving.reduce(move, cut), dims)]
  },
}
