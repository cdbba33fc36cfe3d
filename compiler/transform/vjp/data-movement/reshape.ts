import type { Vjp } from '../rule.ts'

export const reshape: Vjp<'reshape'> = ({ node, b, dy }) => [b.reshape(dy, node.operands[0]!.type.shape)]
