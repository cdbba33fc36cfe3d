import type { Builder } from '../../../core/builder.ts'
import type { Value } from '../../../core/graph.ts'
import * as f from '../../../core/scalar/formula.ts'

const shifted = (b: Builder, x: Value, axes: readonly number[]): Value =>
  b.binary('sub', x, b.reduce('max', x, axes, true))

/** e^x / Σ e^x over `axes`, shifted by the maximum so that nothing overflows. */
export function softmax(b: Builder, x: Value, axes: readonly number[]): Value {
  const powers = b.unary('exp', shifted(b, x, axes))
  return b.binary('div', powers, b.reduce('add', powers, axes, true))
}

/** The logarithm of `softmax`, accurate where that is close to 0. */
export function logSoftmax(b: Builder, x: Value, axes: readonly number[]): Value {
  const logits = shifted(b, x, axes)
  const total = b.reduce('add', b.unary('exp', logits), axes, true)
  return b.map([logits, total], (l, t) => f.sub(l, f.log(t)))
}
