import type { Operator } from '../context.ts'

export const where: Operator = { strings: true, lower: (c) => [c.b.select(c.input(0), c.input(1), c.input(2))] }
