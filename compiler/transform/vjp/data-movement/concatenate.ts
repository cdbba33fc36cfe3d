import type { Vjp } from '../rule.ts'

export const concatenate: Vjp<'concatenate'> = ({ node, b, dy }) => {
  const { axis } = node.attrs
  let at = 0
  return node.operands.map(({ type: { shape } }) => {
    const length = shape[axis]!
    at += length
    return b.sliceAxis(dy, axis, at - length, length)
  })
}
