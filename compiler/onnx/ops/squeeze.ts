import type { OpContext, Operator } from '../context.ts'
import { normalizeAxes, range } from '../shared/axes.ts'

/** `axes` is an input from opset 13 on. */
const axesOf = (c: OpContext, fallback?: readonly number[]): number[] =>
  c.opset >= 13 ? c.constantInts(1, fallback) : c.ints('axes', fallback)

export const squeeze: Operator = {
  floats: 'storage',
  strings: true,
  lower: (c: OpContext) => {
    const { shape } = c.input(0).type
    const ones = range(0, shape.length).filter((i) => shape[i] === 1)
    const axes = normalizeAxes(c, axesOf(c, ones), shape.length)
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
  floats: 'storage',
  strings: true,
  lower: (c: OpContext) => {
    const shape = [...c.input(0).type.shape]
    const given = axesOf(c)
    for (const axis of normalizeAxes(c, given, shape.length + given.length)) shape.splice(axis, 0, 1)
    return [c.b.reshape(c.input(0), shape)]
  },
}
