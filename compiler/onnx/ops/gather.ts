import { constantOf } from '../../core/evaluate.ts'
import { toNumbers } from '../../core/tensor.ts'
import type { Operator } from '../context.ts'
import { normalizeAxis } from '../shared/axes.ts'
import { takeFixed, wrapIndices } from '../shared/indices.ts'

export const gather: Operator = {
  floats: 'moved',
  keeps: (c, input, axis) => {
    const along = normalizeAxis(c, c.int('axis', 0), c.input(0).type.shape.length)
    if (input === 1) return along + axis
    if (along === axis) return undefined
    return axis < along ? axis : axis - 1 + c.input(1).type.shape.length
  },
  strings: true,
  lower: (c) => {
    const { b } = c
    const x = c.input(0)
    const { shape } = x.type
    const axis = normalizeAxis(c, c.int('axis', 0), shape.length)
    const indices = wrapIndices(c, c.input(1), shape[axis]!)
    const known = constantOf(indices)
    if (!known) return [b.take(x, indices, axis)]
    const taken = takeFixed(b, x, toNumbers(known), axis)
    return [b.reshape(taken, [...shape.slice(0, axis), ...known.shape, ...shape.slice(axis + 1)])]
  },
}
