import type { OpContext, Operator } from '../../context.ts'
import { normalizeAxes, range } from '../../shared/axes.ts'

/** `axes` is an input from opset 13 on. */
const axesOf = (c: OpContext, fallback?: readonly number[]): number[] =>
  c.opset >= 13 ? c.constantInts(1, fallback) : c.ints('axes', fallback)

/** Axes that vanish: those named, or else all of length 1. */
function squeezed(c: OpContext): number[] {
  const { shape } = c.input(0).type
  const ones = range(0, shape.length).filter((i) => shape[i] === 1)
  return normalizeAxes(c, axesOf(c, ones), shape.length)
}

export const squeeze: Operator = {
  floats: 'moved',
  keeps: (c, input, axis) => {
    const axes = squeezed(c)
    return input === 0 && !axes.includes(axis) ? axis - axes.filter((a) => a < axis).length : undefined
  },
  strings: true,
  lower: (c: OpContext) => {
    const { shape } = c.input(0).type
    const axes = squeezed(c)
    c.check(
      axes.every((i) => shape[i] === 1),
      `axes [${axes.join(',')}] of [${shape.join(',')}] are not all 1`,
    )
    return [
      c.b.reshape(
        c.input(0),
        shape.filter((_, i) => !axes.includes(i)),
      ),
    ]
  },
}

export const unsqueeze: Operator = {
  floats: 'moved',
  keeps: (c, input, axis) => {
    const given = axesOf(c)
    const added = normalizeAxes(c, given, c.input(0).type.shape.length + given.length)
    const others = range(0, c.input(0).type.shape.length + given.length).filter((i) => !added.includes(i))
    return input === 0 ? others[axis] : undefined
  },
  strings: true,
  lower: (c: OpContext) => {
    const shape = [...c.input(0).type.shape]
    const given = axesOf(c)
    for (const axis of normalizeAxes(c, given, shape.length + given.length)) shape.splice(axis, 0, 1)
    return [c.b.reshape(c.input(0), shape)]
  },
}
