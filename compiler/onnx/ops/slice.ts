import type { OpContext, Operator } from '../context.ts'
import { normalizeAxis, range } from '../shared/axes.ts'

function axesOf(c: OpContext, starts: readonly number[]): number[] {
  const all = range(0, starts.length)
  const axes = c.opset >= 10 ? c.constantInts(3, all) : c.ints('axes', all)
  return axes.map((axis) => normalizeAxis(c, axis, c.input(0).type.shape.length))
}

/** Before opset 10 starts, ends and axes are attributes, and there are no steps. */
export const slice: Operator = {
  floats: 'moved',
  keeps: (c, input, axis) => {
    const starts = c.opset >= 10 ? c.constantInts(1) : c.ints('starts')
    return input === 0 && !axesOf(c, starts).includes(axis) ? axis : undefined
  },
  strings: true,
  lower: (c: OpContext) => {
    const x = c.input(0)
    const { shape } = x.type
    const byInput = c.opset >= 10
    const starts = byInput ? c.constantInts(1) : c.ints('starts')
    const ends = byInput ? c.constantInts(2) : c.ints('ends')
    const all = range(0, starts.length)
    const axes = axesOf(c, starts)
    const steps = byInput
      ? c.constantInts(
          4,
          all.map(() => 1),
        )
      : all.map(() => 1)
    const same = [ends, axes, steps].every((list) => list.length === starts.length)
    c.check(
      same && !steps.includes(0),
      `starts [${starts.join(',')}], ends [${ends.join(',')}], axes [${axes.join(',')}], steps [${steps.join(',')}]`,
    )
    const result = { start: shape.map(() => 0), shape: [...shape], strides: shape.map(() => 1) }
    axes.forEach((axis, i) => {
      const d = shape[axis]!
      const step = steps[i]!
      // Downwards the start is at least the first element, but the end may lie before it.
      const [low, high] = step > 0 ? [0, d] : [-1, d - 1]
      const place = (at: number, least: number): number => Math.max(least, Math.min(high, at < 0 ? at + d : at))
      const start = place(starts[i]!, 0)
      const count = Math.max(0, Math.ceil((place(ends[i]!, low) - start) / step))
      result.start[axis] = count === 0 ? 0 : start
      result.shape[axis] = count
      // A step longer than the axis takes one element.
      result.strides[axis] = count <= 1 ? 1 : step
    })
    return [c.b.slice(x, result.start, result.shape, result.strides)]
  },
}
