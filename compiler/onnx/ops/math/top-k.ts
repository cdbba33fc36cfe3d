import type { OpContext, Operator } from '../../context.ts'
import { known, numberOf, rangeOfDim, subtract } from '../../dims.ts'
import { normalizeAxis } from '../../shared/axes.ts'
import { masked } from '../../shared/mask.ts'
import { isFloat } from '../../../core/scalar/dtype.ts'
import { identityOf } from '../../../core/ops/reductions/reduce.ts'

/** The k largest or smallest elements along an axis, in order, and where they were; equal ones by ascending index. */
export const topK: Operator = {
  sized: true,
  lower: (c: OpContext) => {
    const { b } = c
    const x = c.input(0)
    const axis = normalizeAxis(c, c.int('axis', -1), x.type.shape.length)
    const dims = c.dims(0)
    const k = c.opset >= 10 ? c.sizes(1)[0]! : known(c.int('k'))
    const length = x.type.shape[axis]!
    const count = numberOf(k)
    c.check(count === undefined || (count >= 0 && count <= length), `${count} of ${length} elements`)
    c.within(k, 0, length, 'k')
    if (numberOf(dims[axis]!) === undefined) c.within(subtract(dims[axis]!, k), 0, length, 'the length without k')
    const descending = c.int('largest', 1) !== 0
    const { dtype } = x.type
    // NaN counts as the largest; padding, which comes behind, loses against equal elements.
    const last = descending ? identityOf('max', dtype) : isFloat(dtype) ? NaN : identityOf('min', dtype)
    const [values, indices] = b.sort(masked(c, x, dims, [axis], last), axis, descending)
    const most = Math.min(length, Math.max(0, rangeOfDim(k).high))
    const result = dims.with(axis, k)
    return [
      c.sizedTo(b.sliceAxis(values, axis, 0, most), result),
      c.sizedTo(b.convert(b.sliceAxis(indices, axis, 0, most), 'i64'), result),
    ]
  },
}
