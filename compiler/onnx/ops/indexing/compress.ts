import { constantOf } from '../../../core/evaluate.ts'
import { elementCount } from '../../../core/shape.ts'
import { toNumbers } from '../../../core/tensor.ts'
import type { OpContext, Operator } from '../../context.ts'
import { normalizeAxis } from '../../shared/axes.ts'
import { limited, placesOf } from '../../shared/compaction.ts'
import { takeFixed } from '../../shared/indices.ts'

/** The slices along an axis, or without one the elements, for which the condition holds; it may be shorter than the axis. */
export const compress: Operator = {
  floats: 'moved',
  strings: true,
  lower: (c: OpContext) => {
    const { b } = c
    const { shape } = c.input(0).type
    const whole = !c.has('axis')
    const x = whole ? b.reshape(c.input(0), [elementCount(shape)]) : c.input(0)
    const axis = whole ? 0 : normalizeAxis(c, c.int('axis'), shape.length)
    const condition = c.input(1)
    const [length = 0] = condition.type.shape
    c.check(length <= x.type.shape[axis]!, `the condition has ${length} elements for ${x.type.shape[axis]}`)
    const known = constantOf(condition)
    if (known) {
      const places = toNumbers(known).flatMap((holds, i) => (holds ? [i] : []))
      return [takeFixed(b, x, places, axis)]
    }
    const { places, count } = placesOf(b, condition)
    return [limited(b, b.take(x, places, axis), axis, count)]
  },
}
