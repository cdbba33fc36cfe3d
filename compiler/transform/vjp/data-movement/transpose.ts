import type { Vjp } from '../rule.ts'

/** The inverse permutation. */
export const transpose: Vjp<'transpose'> = ({ node: { attrs }, b, dy }) => [
  b.transpose(
    dy,
    attrs.perm.map((_, axis) => attrs.perm.indexOf(axis)),
  ),
]
