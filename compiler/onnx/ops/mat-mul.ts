import type { Operator } from '../context.ts'
import { matmul } from '../shared/matmul.ts'

export const matMul: Operator = { lower: (c) => [matmul(c.b, c.input(0), c.input(1))] }
