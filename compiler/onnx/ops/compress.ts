import { elementCount } from '../../core/shape.ts'
import type { Operator } from '../context.ts'
import { normalizeAxis } from '../shared/axes.ts'
import { takeFixed } from '../shared/indices.ts'

/** The slices along an axis, or without one the elements, for which the condition holds; it may be shorter than the axis. */
export const compress: Operator = {
  floats: 'storage',
  strings: true,
  limits: 'its condition must be known at compile time',
  lower: (c) => {
    const { shape } = c.input(0).type
    const whole = !c.has('axis')
    const x = whole ? c.b.reshape(c.input(0), [elementCount(shape)]) : c.input(0)
    const axis = whole ? 0 : normalizeAxis(c, c.int('axis'), shape.length)
    const places = c.constantInts(1).flatMap((holds, i) => (holds ? [i] : []))
    return [takeFixed(c.b, x, places, axis)]
  },
}
