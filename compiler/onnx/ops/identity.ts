import type { Operator } from '../context.ts'

export const identity: Operator = { floats: 'storage', lower: (c) => [c.input(0)] }
