import { constantOf } from '../../../core/evaluate.ts'
import { convert } from '../../../core/scalar/expr.ts'
import * as f from '../../../core/scalar/formula.ts'
import { toNumbers } from '../../../core/tensor.ts'
import { numberOf } from '../../dims.ts'
import type { Operator } from '../../context.ts'
import { normalizeAxis } from '../../shared/axes.ts'
import { takeFixed, wrapIndices } from '../../shared/indices.ts'

export const gather: Operator = {
  floats: 'moved',
  sized: true,
  strings: true,
  lower: (c) => {
    const { b } = c
    const x = c.input(0)
    const { shape } = x.type
    const axis = normalizeAxis(c, c.int('axis', 0), shape.length)
    const dims = c.dims(0)
    const result = [...dims.slice(0, axis), ...c.dims(1), ...dims.slice(axis + 1)]
    const size = numberOf(dims[axis]!) === undefined ? c.sized.value(b, dims[axis]!) : undefined
    const indices = size
      ? b.map([c.input(1), size], (i, n) => f.select(f.lt(i!, 0), f.add(i!, convert(n!, i!.dtype)), i!))
      : wrapIndices(c, c.input(1), shape[axis]!)
    const known = constantOf(indices)
    if (!known) return [c.sizedTo(b.take(x, indices, axis), result)]
    const taken = takeFixed(b, x, toNumbers(known), axis)
    const whole = b.reshape(taken, [...shape.slice(0, axis), ...known.shape, ...shape.slice(axis + 1)])
    return [c.sizedTo(whole, result)]
  },
}
