import type { Vjp } from '../rule.ts'

/** The sum over the axes that are repeated. */
export const broadcastInDim: Vjp<'broadcast_in_dim'> = ({ node, b, dy }) => {
  const { shape, dims } = node.attrs
  const from = node.operands[0]!.type.shape
  const repeated = shape.flatMap((d, axis) => (from[dims.indexOf(axis)] === d ? [] : [axis]))
  return [b.reshape(b.reduce('add', dy, repeated), from)]
}
