import type { Vjp } from '../rule.ts'
import { isEmpty, spreadAxis } from '../spread.ts'

/** Zeros where nothing was taken; what was taken backwards is turned round. */
export const slice: Vjp<'slice'> = ({ node, b, dy }) => {
  if (isEmpty(dy)) return []
  const { start, strides } = node.attrs
  const { shape } = node.operands[0]!.type
  const { shape: taken, dtype } = dy.type
  const zero = b.scalar(0, dtype)
  const backward = strides.map((s) => s < 0)
  const forward = b.slice(
    dy,
    taken.map((d, i) => (backward[i] ? d - 1 : 0)),
    taken,
    backward.map((is, i) => (is && taken[i]! > 1 ? -1 : 1)),
  )
  const spread = strides.reduce((x, stride, axis) => spreadAxis(b, x, axis, Math.abs(stride), zero), forward)
  const low = start.map((at, i) => (backward[i] ? at + (taken[i]! - 1) * strides[i]! : at))
  const high = shape.map((d, i) => d - low[i]! - spread.type.shape[i]!)
  return [b.pad(spread, zero, low, high)]
}
