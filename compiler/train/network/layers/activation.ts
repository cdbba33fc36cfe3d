import type { Expr } from '../../../core/scalar/expr.ts'
import * as f from '../../../core/scalar/formula.ts'
import type { Layer } from '../context.ts'

const activations = {
  relu: (x: Expr) => f.max(x, 0),
  relu6: (x: Expr) => f.clamp(x, 0, 6),
  sigmoid: f.sigmoid,
  tanh: f.tanh,
  /** Hendrycks & Gimpel, 2016. */
  gelu: (x: Expr) => f.mul(f.mul(x, 0.5), f.add(f.erf(f.mul(x, Math.SQRT1_2)), 1)),
  /** Elfwing et al., 2017. */
  silu: (x: Expr) => f.mul(x, f.sigmoid(x)),
  hardSwish: (x: Expr) => f.mul(x, f.clamp(f.add(f.mul(x, 1 / 6), 0.5), 0, 1)),
} as const

const layer = (kind: keyof typeof activations) => (): Layer => ({
  kind,
  build: ({ b }, x) => b.map([x], (e) => activations[kind](e)),
})

export const relu = layer('relu')
export const relu6 = layer('relu6')
export const sigmoid = layer('sigmoid')
export const tanh = layer('tanh')
export const gelu = layer('gelu')
export const silu = layer('silu')
export const hardSwish = layer('hardSwish')
