import type { Value } from '../../core/graph.ts'
import { freeAxes, type DotGeneralAttrs } from '../../core/ops/dot-general.ts'
import { axesBefore, fromElements, inForm, isBatched, sampleShape, shifted, toFront } from './forms.ts'
import type { BatchedForm, Context, Operand, Rule } from './rule.ts'

const range = (from: number, count: number): number[] => Array.from({ length: count }, (_, i) => from + i)

/** Samples in both operands are one more batch; those in one of them are rows of one product. */
export const dotGeneral: Rule<'dot_general'> = (c, { attrs, results }, operands) => {
  const [lhs, rhs] = operands as [Operand, Operand]
  if (isBatched(lhs) && isBatched(rhs)) return [both(c, attrs, lhs, rhs)]
  const { shape } = results[0]!.type
  if (isBatched(lhs)) return [fromElements(c, rows(c, attrs, lhs, rhs.value), shape)]
  const { lhsBatch, lhsContract, rhsBatch, rhsContract } = attrs
  const swapped = { lhsBatch: rhsBatch, lhsContract: rhsContract, rhsBatch: lhsBatch, rhsContract: lhsContract }
  const product = rows(c, swapped, rhs, lhs.value)
  // The free axes of the right operand, which now is the left one, stand before the others.
  const left = freeAxes(lhs.value.type.shape.length, lhsBatch, lhsContract).length
  const right = shape.length - lhsBatch.length - left
  const first = 1 + lhsBatch.length
  const order = [...range(0, first), ...range(first + right, left), ...range(first, right)]
  const target = [c.size, ...shape]
  const turned = new Array<number>(target.length)
  order.forEach((axis, i) => (turned[axis] = target[i]!))
  return [fromElements(c, c.b.transpose(c.b.reshape(product, turned), order), shape)]
}

function both(c: Context, attrs: DotGeneralAttrs, lhs: Operand, rhs: Operand): Operand {
  const { lhsBatch, lhsContract, rhsBatch, rhsContract } = attrs
  const inFirst = lhsBatch[0] === 0 && rhsBatch[0] === 0 && sampleShape(lhs)[0] === 1
  const form: BatchedForm = inFirst ? 'first' : 'leading'
  const before = axesBefore(form)
  const product = c.b.dotGeneral(inForm(c, lhs, form), inForm(c, rhs, form), {
    lhsBatch: inFirst ? lhsBatch : [0, ...shifted(lhsBatch, 1)],
    rhsBatch: inFirst ? rhsBatch : [0, ...shifted(rhsBatch, 1)],
    lhsContract: shifted(lhsContract, before),
    rhsContract: shifted(rhsContract, before),
  })
  return { value: product, form }
}

/**
 * The product whose left operand alone is batched, as [size, batches, free axes of the left, of the right] without some axes of
 * length 1. Samples are rows of the left operand: the product is as plain as for one of them.
 */
function rows({ b, size }: Context, attrs: DotGeneralAttrs, lhs: Operand, rhs: Value): Value {
  const [shape, { shape: other }] = [sampleShape(lhs), rhs.type]
  // Batches of one would keep samples from being rows, and so would free axes of length 1 before them.
  const isReal = (_: number, i: number): boolean => shape[attrs.lhsBatch[i]!] !== 1
  const [lhsBatch, rhsBatch] = [attrs.lhsBatch.filter(isReal), attrs.rhsBatch.filter(isReal)]
  const free = freeAxes(shape.length, attrs.lhsBatch, attrs.lhsContract)
  const left = range(0, shape.length).filter(
    (axis) => lhsBatch.includes(axis) || attrs.lhsContract.includes(axis) || (free.includes(axis) && shape[axis] !== 1),
  )
  const right = range(0, other.length).filter((axis) => rhsBatch.includes(axis) || !attrs.rhsBatch.includes(axis))
  const at = (kept: readonly number[], axes: readonly number[]): number[] => axes.map((axis) => kept.indexOf(axis))
  const product = b.dotGeneral(
    b.reshape(lhs.value, [size, ...left.map((axis) => shape[axis]!)]),
    b.reshape(
      rhs,
      right.map((axis) => other[axis]!),
    ),
    {
      lhsBatch: shifted(at(left, lhsBatch), 1),
      lhsContract: shifted(at(left, attrs.lhsContract), 1),
      rhsBatch: at(right, rhsBatch),
      rhsContract: at(right, attrs.rhsContract),
    },
  )
  return toFront(b, product, lhsBatch.length)
}
