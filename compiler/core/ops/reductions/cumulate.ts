import { check } from '../../diagnostics/check.ts'
import { rowMajorStrides, walk } from '../../shape.ts'
import { reader, writer, zeros } from '../../tensor.ts'
import { combiner, identityOf, checkReducible, type ReduceKind } from './reduce.ts'
import { checkAxis, sameIndices, type Facets } from '../facets.ts'

export interface CumulateAttrs {
  readonly kind: ReduceKind
  readonly axis: number
  /** Leave an element's own value out of its result. */
  readonly exclusive: boolean
  readonly reverse: boolean
}

/** Running combination along `axis` (jax.lax.cumsum and its kin). */
export const cumulate: Facets<CumulateAttrs> = {
  type: ([x], { kind, axis }) => {
    check(x !== undefined, 'cumulate wants one operand')
    checkAxis(axis, x.shape.length)
    checkReducible(kind, x.dtype)
    return [{ dtype: x.dtype, shape: x.shape }]
  },
  evaluate: ([x], { kind, axis, exclusive, reverse }) => {
    const result = zeros(x!.dtype, x!.shape)
    const read = reader(x!)
    const write = writer(result)
    const combine = combiner(kind, x!.dtype)
    const strides = rowMajorStrides(x!.shape)
    const length = x!.shape[axis]!
    walk(
      x!.shape.map((d, i) => (i === axis ? Math.min(d, 1) : d)),
      [strides],
      ([base]) => {
        let sum = identityOf(kind, x!.dtype)
        for (let step = 0; step < length; step++) {
          const i = base! + (reverse ? length - 1 - step : step) * strides[axis]!
          if (exclusive) write(i, sum)
          sum = combine(sum, read(i))
          if (!exclusive) write(i, sum)
        }
      },
    )
    return [result]
  },
  indices: ([x], { axis }) => sameIndices(x!, [axis]),
  keep: (_, attrs, { operands }) => (operands[0]![attrs.axis] ? undefined : attrs),
}
