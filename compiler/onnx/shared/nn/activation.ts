import type { Expr } from '../../../core/scalar/expr.ts'
import type { OpContext } from '../../context.ts'
import * as f from '../../../core/scalar/formula.ts'

/** alpha (e^x - 1) below 0 and x above; e^x of a positive x, which may overflow, is never taken. */
export const elu = (x: Expr, alpha: number, exponent = f.min(x, 0)): Expr =>
  f.add(f.max(x, 0), f.mul(f.sub(f.exp(exponent), 1), alpha))

export const geluErf = (x: Expr): Expr => f.mul(f.mul(x, 0.5), f.add(f.erf(f.mul(x, Math.SQRT1_2)), 1))

/** Hendrycks & Gimpel, "Gaussian Error Linear Units", section 2. */
export function geluTanh(x: Expr): Expr {
  const inner = f.mul(f.add(x, f.mul(f.mul(f.square(x), x), 0.044715)), 0.7978845608028654)
  return f.mul(f.mul(x, 0.5), f.add(f.tanh(inner), 1))
}

export const leakyRelu = (x: Expr, alpha: number): Expr => f.select(f.lt(x, 0), f.mul(x, alpha), x)
export const hardSigmoid = (x: Expr, alpha: number, beta: number): Expr => f.clamp(f.add(f.mul(x, alpha), beta), 0, 1)
export const softsign = (x: Expr): Expr => f.div(x, f.add(f.abs(x), 1))
export const thresholdedRelu = (x: Expr, alpha: number): Expr => f.select(f.gt(x, alpha), x, 0)

export type Activation = (x: Expr) => Expr

interface Named {
  /** Values of alpha and beta unless given. */
  readonly defaults: readonly number[]
  readonly formula: (x: Expr, alpha: number, beta: number) => Expr
}

/** The activations that recurrent operators may name (Operators.md, LSTM). */
const named: Readonly<Record<string, Named>> = {
  affine: { defaults: [1, 0], formula: (x, alpha, beta) => f.add(f.mul(x, alpha), beta) },
  elu: { defaults: [1], formula: (x, alpha) => elu(x, alpha) },
  hardsigmoid: { defaults: [0.2, 0.5], formula: hardSigmoid },
  leakyrelu: { defaults: [0.01], formula: leakyRelu },
  relu: { defaults: [], formula: (x) => f.max(x, 0) },
  scaledtanh: { defaults: [1, 1], formula: (x, alpha, beta) => f.mul(f.tanh(f.mul(x, beta)), alpha) },
  sigmoid: { defaults: [], formula: f.sigmoid },
  softplus: { defaults: [], formula: f.softplus },
  softsign: { defaults: [], formula: softsign },
  tanh: { defaults: [], formula: f.tanh },
  thresholdedrelu: { defaults: [1], formula: thresholdedRelu },
}

/** The activation of this name, in any case, with parameters taken from the front of `alphas` and `betas` if it has them. */
export function takeActivation(c: OpContext, name: string, alphas: number[], betas: number[]): Activation {
  const key = name.toLowerCase()
  const found = Object.hasOwn(named, key) ? named[key] : undefined
  if (!found) c.unsupported(`activation "${name}"`)
  const [alpha, beta] = found.defaults
  const a = alpha === undefined ? 0 : (alphas.shift() ?? alpha)
  const b = beta === undefined ? 0 : (betas.shift() ?? beta)
  return (x) => found.formula(x, a, b)
}
