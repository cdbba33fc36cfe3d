import type { Builder } from '../../../core/builder.ts'
import type { Value } from '../../../core/graph.ts'
import { identityOf, type ReduceKind } from '../../../core/ops/reductions/reduce.ts'
import type { WindowAxis } from '../../../core/ops/window.ts'
import type { Shape } from '../../../core/shape.ts'
import { scalarTensor } from '../../../core/tensor.ts'
import { padOrCut, spreadAxis } from '../spread.ts'

/** `x` spread and padded by what leaves others unchanged, so that every window is inside. */
export function paddedInput(b: Builder, x: Value, window: readonly WindowAxis[], kind: ReduceKind): Value {
  const { dtype } = x.type
  const fill = b.constant(scalarTensor(dtype, identityOf(kind, dtype)))
  const spread = window.reduce((v, { baseDilation }, axis) => spreadAxis(b, v, axis, baseDilation, fill), x)
  const [low, high] = [window.map((w) => w.low), window.map((w) => w.high)]
  return padOrCut(b, spread, fill, low, high)
}

/** `x` with an axis of length 1 behind each of its own, along which phases of the stride will stand. */
export const beforePhases = (b: Builder, x: Value): Value =>
  b.reshape(
    x,
    x.type.shape.flatMap((d) => [d, 1]),
  )

/**
 * The cotangent of an input of `shape` from one of its padded form, given as [places, phases of the stride] along each axis: the element
 * at phase r of place q is the one at q · stride + r.
 */
export function fromPhases(b: Builder, phases: Value, window: readonly WindowAxis[], shape: Shape): Value {
  const { dtype, shape: split } = phases.type
  const zero = b.scalar(0, dtype)
  const whole = b.reshape(
    phases,
    shape.map((_, i) => split[2 * i]! * split[2 * i + 1]!),
  )
  const spread = shape.map((d, i) => (d - 1) * window[i]!.baseDilation + 1)
  const low = window.map((w) => -w.low)
  const inside = padOrCut(
    b,
    whole,
    zero,
    low,
    whole.type.shape.map((d, i) => spread[i]! - d - low[i]!),
  )
  return b.slice(
    inside,
    shape.map(() => 0),
    shape,
    shape.map((d, i) => (d > 1 ? window[i]!.baseDilation : 1)),
  )
}
