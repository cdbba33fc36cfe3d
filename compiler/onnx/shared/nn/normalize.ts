import type { Builder } from '../../../core/builder.ts'
import type { Expr } from '../../../core/scalar/expr.ts'
import type { Value } from '../../../core/graph.ts'
import * as f from '../../../core/scalar/formula.ts'

export interface Moments {
  readonly mean: Value
  /** x - mean. */
  readonly centered: Value
  /** Population variance. */
  readonly variance: Value
}

/** Mean and variance over `axes`, which stay as axes of length 1. */
export function moments(b: Builder, x: Value, axes: readonly number[]): Moments {
  const mean = b.mean(x, axes, true)
  const centered = b.binary('sub', x, mean)
  return { mean, centered, variance: b.mean(b.map([centered], f.square), axes, true) }
}

/** 1 / √(variance + epsilon). */
export const inverseDeviation = (b: Builder, variance: Value, epsilon: number): Value =>
  b.map([variance], (v) => f.div(1, f.sqrt(f.add(v, epsilon))))

/** x · inverse · scale + bias; parameters broadcast. */
export function scaleAndShift(
  b: Builder,
  x: Value,
  inverse: Value,
  scale: Value | undefined,
  bias: Value | undefined,
): Value {
  const operands = [x, inverse, ...(scale ? [scale] : []), ...(bias ? [bias] : [])]
  return b.map(operands, (e, i, ...parameters) => {
    const scaled = (s: Expr): Expr => f.mul(s, parameters[0]!)
    const unit = f.mul(e, i)
    const result = scale ? scaled(unit) : unit
    return bias ? f.add(result, parameters.at(-1)!) : result
  })
}
