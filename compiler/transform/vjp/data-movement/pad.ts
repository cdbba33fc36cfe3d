import type { Vjp } from '../rule.ts'

export const pad: Vjp<'pad'> = ({ node, b, dy, varies }) => {
  const { low, high } = node.attrs
  const { shape } = node.operands[0]!.type
  const { dtype, shape: padded } = dy.type
  const inside = b.slice(dy, low, shape)
  if (!varies(1)) return [inside]
  // Not the difference of two sums, which would cancel.
  const isPadding = b.pad(b.full(0, 'bool', shape), b.scalar(1, 'bool'), low, high)
  const beside = b.select(isPadding, dy, b.scalar(0, dtype))
  return [
    inside,
    b.reduce(
      'add',
      beside,
      padded.map((_, axis) => axis),
    ),
  ]
}
