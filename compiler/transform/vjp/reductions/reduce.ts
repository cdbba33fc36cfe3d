import type { Builder } from '../../../core/builder.ts'
import { eq, mul, select } from '../../../core/scalar/formula.ts'
import type { Value } from '../../../core/graph.ts'
import type { Vjp } from '../rule.ts'
import { mergeAxes } from './merge-axes.ts'
import { isEmpty } from '../spread.ts'

/** `x` beside the axes that a reduction over `axes` took away, of length 1. */
export const withAxes = (b: Builder, x: Value, shape: readonly number[], axes: readonly number[]): Value =>
  b.reshape(
    x,
    shape.map((d, i) => (axes.includes(i) ? 1 : d)),
  )

/** dy where `x` is the first of the largest (or smallest) elements along `axis`; dy has that axis with length 1. */
function toFirst(b: Builder, kind: 'max' | 'min', x: Value, axis: number, dy: Value): Value {
  const { shape } = x.type
  const best = b.argreduce(x, { kind, axis, last: false })
  const positions = b.iota(
    'i32',
    shape.map((d, i) => (i === axis ? d : 1)),
    axis,
  )
  return b.map([positions, withAxes(b, best, shape, [axis]), dy], (at, chosen, c) => select(eq(at!, chosen!), c!, 0))
}

/** Products of the elements before each and behind it: a division would fail where one is 0. */
function ofOthers(b: Builder, x: Value, axis: number, dy: Value): Value {
  const before = b.cumulate(x, { kind: 'mul', axis, exclusive: true, reverse: false })
  const behind = b.cumulate(x, { kind: 'mul', axis, exclusive: true, reverse: true })
  return b.map([before, behind, dy], (p, q, c) => mul(mul(p!, q!), c!))
}

/** A largest or smallest element has the whole gradient, the first of equal ones. */
export const reduce: Vjp<'reduce'> = ({ node, b, dy }) => {
  const [x] = node.operands
  const { kind, axes } = node.attrs
  const { shape } = x!.type
  if (isEmpty(x!)) return []
  if (kind === 'add') return [b.broadcast(withAxes(b, dy, shape, axes), shape)]
  // Integers and booleans only.
  if (kind === 'and' || kind === 'or') return []
  const merged = mergeAxes(b, x!, axes)
  const cotangent = b.reshape(dy, merged.value.type.shape.with(merged.axis, 1))
  const dx =
    kind === 'mul'
      ? ofOthers(b, merged.value, merged.axis, cotangent)
      : toFirst(b, kind, merged.value, merged.axis, cotangent)
  return [merged.split(dx)]
}
