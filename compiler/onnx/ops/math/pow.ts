import { isFloat, type DType } from '../../../core/scalar/dtype.ts'
import { constantOf } from '../../../core/evaluate.ts'
import { constant, convert, type Expr } from '../../../core/scalar/expr.ts'
import type { Value } from '../../../core/graph.ts'
import { broadcastShapes, sameShape } from '../../../core/shape.ts'
import { toNumbers } from '../../../core/tensor.ts'
import type { Operator } from '../../context.ts'
import { broadcastOperands, keepsAligned } from '../../shared/elementwise.ts'
import * as f from '../../../core/scalar/formula.ts'

/** The largest exponent that becomes products. */
const mostFactors = 16

/** x^n by repeated squaring, n >= 1. */
function product(x: Expr, n: number): Expr {
  if (n === 1) return x
  const half = product(x, n >> 1)
  return n % 2 === 0 ? f.square(half) : f.mul(f.square(half), x)
}

/** x^exponent without the general power function, for small integers and ±1/2; otherwise undefined. */
export function simplePower(x: Expr, exponent: number): Expr | undefined {
  if (exponent === 0) return constant(1, x.dtype)
  if (Number.isInteger(exponent) && exponent > 0 && exponent <= mostFactors) return product(x, exponent)
  if (!isFloat(x.dtype)) return undefined
  if (Number.isInteger(exponent) && exponent < 0 && exponent >= -mostFactors) return f.div(1, product(x, -exponent))
  if (Math.abs(exponent) !== 0.5) return undefined
  // IEEE 754 pow: unlike their square roots, -0 becomes +0 and -Infinity becomes +Infinity.
  const root = f.select(f.eq(x, -Infinity), Infinity, f.sqrt(f.add(x, 0)))
  return exponent > 0 ? root : f.div(1, root)
}

/** The number that every element of `value` is, if that is known. */
function uniform(value: Value): number | undefined {
  const known = constantOf(value)
  if (known === undefined || known.data.length === 0) return undefined
  const [first, ...others] = toNumbers(known)
  return others.every((v) => v === first) ? first : undefined
}

/** The result has the base's dtype, whatever the exponent's; integers are raised in f64, as onnxruntime does. */
function generalPower(x: Expr, y: Expr): Expr {
  const wide: DType = x.dtype === 'f32' && y.dtype !== 'f64' ? 'f32' : 'f64'
  return convert(f.pow(convert(x, wide), convert(y, wide)), x.dtype)
}

export const pow: Operator = {
  keeps: keepsAligned,
  lower: (c) => {
    const [x, y] = broadcastOperands(c)
    const exponent = uniform(y)
    const shape = broadcastShapes([x.type.shape, y.type.shape])
    if (exponent !== undefined && shape !== undefined) {
      const simple = c.b.map([x], (a) => simplePower(a, exponent) ?? generalPower(a, constant(exponent, 'f32')))
      return [sameShape(simple.type.shape, shape) ? simple : c.b.broadcast(simple, shape)]
    }
    return [c.b.map([x, y], generalPower)]
  },
}
