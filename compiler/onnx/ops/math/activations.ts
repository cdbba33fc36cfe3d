import { isFloat } from '../../../core/scalar/dtype.ts'
import { convert, type Expr } from '../../../core/scalar/expr.ts'
import type { OpContext, Operator } from '../../context.ts'
import {
  elu,
  geluErf,
  geluTanh,
  hardSigmoid,
  leakyRelu,
  softsign,
  thresholdedRelu,
} from '../../shared/nn/activation.ts'
import { broadcasting, elementwise } from '../../shared/elementwise.ts'
import * as f from '../../../core/scalar/formula.ts'

/** x tanh(log(1 + e^x)) with one exponential: tanh(log(1 + t)) = t (t + 2) / (t (t + 2) + 2), which is 1 from t = e^20 on. */
function mish(x: Expr): Expr {
  const t = f.exp(f.min(x, 20))
  const n = f.mul(t, f.add(t, 2))
  return f.mul(x, f.div(n, f.add(n, 2)))
}

function gelu(x: Expr, c: OpContext): Expr {
  const approximate = c.string('approximate', 'none')
  c.check(approximate === 'none' || approximate === 'tanh', `approximate is "${approximate}"`)
  return approximate === 'none' ? geluErf(x) : geluTanh(x)
}

/** Shrink takes integers too; lambd and bias stay floats then. */
function shrink(x: Expr, c: OpContext): Expr {
  const lambd = c.float('lambd', 0.5)
  const bias = c.float('bias', 0)
  const real = isFloat(x.dtype) ? x : convert(x, 'f32')
  const upper = f.select(f.gt(real, lambd), f.sub(real, bias), 0)
  return convert(f.select(f.lt(real, -lambd), f.add(real, bias), upper), x.dtype)
}

/** Activation functions; each is one scalar formula. */
export const activationOperators: Readonly<Record<string, Operator>> = {
  Celu: elementwise((x, c) => {
    const alpha = c.float('alpha', 1)
    return elu(x, alpha, f.div(f.min(x, 0), alpha))
  }),
  Elu: elementwise((x, c) => elu(x, c.float('alpha', 1))),
  Gelu: elementwise(gelu),
  HardSigmoid: elementwise((x, c) => hardSigmoid(x, c.float('alpha', 0.2), c.float('beta', 0.5))),
  HardSwish: elementwise((x) => f.mul(x, hardSigmoid(x, 1 / 6, 0.5))),
  LeakyRelu: elementwise((x, c) => leakyRelu(x, c.float('alpha', 0.01))),
  Mish: elementwise(mish),
  Relu: elementwise((x) => f.max(x, 0)),
  Selu: elementwise((x, c) => {
    // Opset 1 has these defaults rounded to five digits.
    const alpha = c.float('alpha', c.opset < 6 ? 1.6732 : 1.67326319217681884765625)
    return f.mul(elu(x, alpha), c.float('gamma', c.opset < 6 ? 1.0507 : 1.05070102214813232421875))
  }),
  Shrink: elementwise(shrink),
  Sigmoid: elementwise(f.sigmoid),
  Softplus: elementwise(f.softplus),
  Softsign: elementwise(softsign),
  SwiGLU: broadcasting((a, b, c) => f.mul(f.mul(a, f.sigmoid(f.mul(a, c.float('alpha', 1)))), b)),
  Swish: elementwise((x, c) => f.mul(x, f.sigmoid(f.mul(x, c.float('alpha', 1))))),
  ThresholdedRelu: elementwise((x, c) => thresholdedRelu(x, c.float('alpha', 1))),
}
