import { elementCount } from '../../../core/shape.ts'
import type { OpContext, Operator } from '../../context.ts'

/** A matrix: the axes before `axis` become its rows, the others its columns. */
export const flatten: Operator = {
  floats: 'moved',
  strings: true,
  lower: (c: OpContext) => {
    const { shape } = c.input(0).type
    const axis = c.int('axis', 1)
    c.check(axis >= -shape.length && axis <= shape.length, `axis ${axis} is not one of rank ${shape.length}`)
    const rows = shape.slice(0, axis)
    return [c.b.reshape(c.input(0), [elementCount(rows), elementCount(shape.slice(rows.length))])]
  },
}
