import type { Operator } from '../../context.ts'
import { keepsAligned } from '../../shared/elementwise.ts'

export const where: Operator = {
  strings: true,
  keeps: keepsAligned,
  lower: (c) => [c.b.select(c.input(0), c.input(1), c.input(2))],
}
