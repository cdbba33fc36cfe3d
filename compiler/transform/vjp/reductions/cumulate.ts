import type { Builder } from '../../../core/builder.ts'
import { gt, lt, select } from '../../../core/scalar/formula.ts'
import type { Value } from '../../../core/graph.ts'
import { regionArgument } from '../../../core/region.ts'
import type { CumulateAttrs } from '../../../core/ops/reductions/cumulate.ts'
import type { Vjp } from '../rule.ts'
import { scatterAlong } from '../scatter-along.ts'
import { isEmpty } from '../spread.ts'

/** The cotangents of results that leave each element's own value out, as of those that do not: one step towards the start. */
function shifted(b: Builder, dy: Value, { axis, reverse }: CumulateAttrs): Value {
  const { shape, dtype } = dy.type
  const length = shape[axis]!
  const rest = b.sliceAxis(dy, axis, reverse ? 0 : 1, length - 1)
  const [zero, none] = [b.scalar(0, dtype), shape.map(() => 0)]
  return reverse ? b.pad(rest, zero, none.with(axis, 1), none) : b.pad(rest, zero, none, none.with(axis, 1))
}

/**
 * dxᵢ is the product before i times Sᵢ = dyᵢ + xᵢ₊₁ Sᵢ₊₁ (in the order of the products): a loop from the last on, since a division
 * would fail where an element is 0.
 */
function ofProducts(b: Builder, x: Value, dy: Value, attrs: CumulateAttrs): Value {
  const { axis, reverse } = attrs
  const { dtype } = dy.type
  const slice = dy.type.shape.toSpliced(axis, 1)
  const [carried, element, cotangent] = [slice, slice, slice].map((shape) => regionArgument(dtype, shape))
  const before = b.cumulate(x, { ...attrs, exclusive: true })
  const sum = b.binary('add', carried!, cotangent!)
  const scan = { axis, reverse: !reverse }
  const { stacked } = b.while({
    trips: dy.type.shape[axis]!,
    iteration: regionArgument('i32', []),
    carried: [{ initial: b.full(0, dtype, slice), argument: carried!, next: b.binary('mul', element!, sum) }],
    scanInputs: [
      { ...scan, value: x, argument: element! },
      { ...scan, value: dy, argument: cotangent! },
    ],
    scanOutputs: [{ ...scan, slice: sum }],
  })
  return b.binary('mul', before, stacked[0]!)
}

/** Each result's cotangent goes to the element that it is: the first that surpassed all before it. */
function ofExtremes(b: Builder, x: Value, dy: Value, kind: 'max' | 'min', attrs: CumulateAttrs): Value {
  const { axis, reverse } = attrs
  const { shape } = dy.type
  const before = b.cumulate(x, { ...attrs, exclusive: true })
  const positions = b.iota('i32', shape, axis)
  const start = b.scalar(reverse ? shape[axis]! - 1 : 0, 'i32')
  const surpasses = kind === 'max' ? gt : lt
  const own = b.map([x, before, positions, start], (e, most, at, first) => select(surpasses(e!, most!), at!, first!))
  const origins = b.cumulate(own, { kind: reverse ? 'min' : 'max', axis, exclusive: false, reverse })
  return scatterAlong(b, dy, origins, axis)
}

export const cumulate: Vjp<'cumulate'> = ({ node: { operands, attrs }, b, dy }) => {
  const [x] = operands
  const { kind, exclusive, reverse } = attrs
  if (isEmpty(x!)) return []
  if (kind === 'add') return [b.cumulate(dy, { ...attrs, reverse: !reverse })]
  // Integers and booleans only.
  if (kind === 'and' || kind === 'or') return []
  const inclusive = exclusive ? shifted(b, dy, attrs) : dy
  return [kind === 'mul' ? ofProducts(b, x!, inclusive, attrs) : ofExtremes(b, x!, inclusive, kind, attrs)]
}
