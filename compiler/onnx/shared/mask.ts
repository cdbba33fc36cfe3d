import type { Scalar } from '../../core/scalar/dtype.ts'
import { constant } from '../../core/scalar/expr.ts'
import * as f from '../../core/scalar/formula.ts'
import type { Value } from '../../core/graph.ts'
import type { OpContext } from '../context.ts'
import { numberOf, type Dim } from '../dims.ts'

/** `x`, a tensor of these dimensions, with `fill` where padding stands along `axes`. */
export const masked = (c: OpContext, x: Value, dims: readonly Dim[], axes: readonly number[], fill: Scalar): Value =>
  axes
    .filter((axis) => numberOf(dims[axis]!) === undefined)
    .reduce((value, axis) => {
      const { shape, dtype } = value.type
      const place = c.b.reshape(c.b.iota('i32', [shape[axis]!], 0), [
        shape[axis]!,
        ...shape.slice(axis + 1).map(() => 1),
      ])
      return c.b.map([value, place, c.sized.value(c.b, dims[axis]!)], (e, at, count) =>
        f.select(f.lt(at!, count!), e!, constant(fill, dtype)),
      )
    }, x)
