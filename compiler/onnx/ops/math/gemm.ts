import { isFloat } from '../../../core/scalar/dtype.ts'
import type { Expr } from '../../../core/scalar/expr.ts'
import type { Value } from '../../../core/graph.ts'
import type { OpContext, Operator } from '../../context.ts'
import * as f from '../../../core/scalar/formula.ts'

/** alpha A' B' + beta C, where ' transposes if the attribute says so. */
export function gemmOf(c: OpContext): Value {
  const a = c.input(0)
  const b = c.input(1)
  c.check(a.type.shape.length === 2 && b.type.shape.length === 2, 'A and B must be matrices')
  const alpha = c.float('alpha', 1)
  const beta = c.float('beta', 1)
  c.check(isFloat(a.type.dtype) || (alpha === 1 && beta === 1), 'alpha and beta must be 1 for integers')
  const product = c.b.dotGeneral(a, b, {
    lhsBatch: [],
    rhsBatch: [],
    lhsContract: [c.int('transA', 0) !== 0 ? 0 : 1],
    rhsContract: [c.int('transB', 0) !== 0 ? 1 : 0],
  })
  const scaled = (x: Expr, factor: number): Expr => (factor === 1 ? x : f.mul(x, factor))
  const bias = c.inputs[2]
  if (!bias || beta === 0) return c.b.map([product], (x) => scaled(x, alpha))
  return c.b.map([product, bias], (x, y) => f.add(scaled(x, alpha), scaled(y, beta)))
}

export const gemm: Operator = { lower: (c) => [gemmOf(c)] }
