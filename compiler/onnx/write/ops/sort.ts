import { computeType } from '../kernels.ts'
import { fromOrdered, ordered } from './ordered.ts'
import type { Rule } from './rule.ts'

/** TopK of all elements: among equal ones the lower index comes first, as in a stable sort. */
export const sort: Rule<'sort'> = (e, node, [x]) => {
  const { axis, descending } = node.attrs
  const { dtype, shape } = x!.type
  const y = ordered(e, x!)
  const as = computeType('TopK', y.type.dtype)
  const [values, indices] = e.nodeOf(
    'TopK',
    [e.cast(y, as), e.ints([shape[axis]!])],
    [
      { dtype: as, shape },
      { dtype: 'i64', shape },
    ],
    { axis, largest: descending ? 1 : 0, sorted: 1 },
  )
  const own = dtype === 'u64' ? fromOrdered(e, values!) : e.cast(values!, dtype)
  return [own, e.cast(indices!, 'i32')]
}
