import { elementCount } from '../../core/shape.ts'
import type { Operator } from '../context.ts'

export const shape: Operator = {
  floats: 'storage',
  lower: (c) => {
    const dims = c.input(0).type.shape
    return [c.b.vector(dims.slice(c.int('start', 0), c.int('end', dims.length)), 'i64')]
  },
}

export const size: Operator = {
  floats: 'storage',
  lower: (c) => [c.b.scalar(elementCount(c.input(0).type.shape), 'i64')],
}
