import { convert, type Expr } from '../../../core/scalar/expr.ts'
import * as f from '../../../core/scalar/formula.ts'
import type { Value } from '../../../core/graph.ts'
import { elementCount, sameShape } from '../../../core/shape.ts'
import type { OpContext, Operator } from '../../context.ts'
import { range } from '../../shared/axes.ts'

/** What becomes of a parameter and what is kept of it between steps, from these, its gradient, the rate R and the count of steps T. */
type Rule = (c: OpContext, rate: Expr, step: Expr, x: Expr, gradient: Expr, kept: readonly Expr[]) => readonly Expr[]

/**
 * Inputs: R, T, then n parameters, their gradients and, `kept` times, what is kept of each. Outputs: the new parameters and what is
 * kept of each, in the same order.
 */
const update = (kept: number, rule: Rule): Operator => ({
  lower: (c: OpContext) => {
    const groups = 2 + kept
    const count = (c.inputs.length - 2) / groups
    c.check(
      Number.isInteger(count) && count >= 1,
      `${c.inputs.length - 2} tensors are not ${groups} for each parameter`,
    )
    const scalars = [0, 1].map((i) => {
      const value = c.input(i)
      c.check(elementCount(value.type.shape) === 1, 'R or T is no scalar')
      return c.b.reshape(value, [])
    })
    const results = range(0, count).map((i) => {
      const own = range(0, groups).map((k) => c.input(2 + k * count + i))
      const { shape } = own[0]!.type
      c.check(
        own.every((v) => sameShape(v.type.shape, shape)),
        `tensors of parameter ${i} differ in shape`,
      )
      const result = (k: number): Value =>
        c.b.map([...scalars, ...own], (rate, step, x, gradient, ...state) => {
          // Both are scalars of types of their own.
          const made = rule(c, convert(rate!, x!.dtype), convert(step!, x!.dtype), x!, gradient!, state)
          return made[k]!
        })
      return range(0, 1 + kept).map(result)
    })
    return range(0, 1 + kept).flatMap((k) => results.map((each) => each[k]!))
  },
})

/** The gradient with that of norm_coefficient / 2 · |x|². */
const regularized = (c: OpContext, x: Expr, gradient: Expr): Expr =>
  f.add(f.mul(x, c.float('norm_coefficient', 0)), gradient)

const adagrad: Rule = (c: OpContext, rate, step, x, given, [squares]) => {
  const gradient = regularized(c, x, given)
  const next = f.add(squares!, f.square(gradient))
  const decayed = f.div(rate, f.add(f.mul(step, c.float('decay_factor', 0)), 1))
  return [f.sub(x, f.div(f.mul(decayed, gradient), f.add(f.sqrt(next), c.float('epsilon', 1e-6)))), next]
}

const adam: Rule = (c: OpContext, rate, step, x, given, [mean, squares]) => {
  const [alpha, beta] = [c.float('alpha', 0.9), c.float('beta', 0.999)]
  const gradient = regularized(c, x, given)
  const v = f.add(f.mul(mean!, alpha), f.mul(gradient, 1 - alpha))
  const h = f.add(f.mul(squares!, beta), f.mul(f.square(gradient), 1 - beta))
  const correction = f.div(f.sqrt(f.sub(1, f.pow(beta, step))), f.sub(1, f.pow(alpha, step)))
  const adjusted = f.select(f.gt(step, 0), f.mul(rate, correction), rate)
  const moved = f.sub(x, f.div(f.mul(adjusted, v), f.add(f.sqrt(h), c.float('epsilon', 1e-6))))
  return [f.mul(moved, 1 - c.float('norm_coefficient_post', 0)), v, h]
}

const momentum: Rule = (c: OpContext, rate, step, x, given, [velocity]) => {
  const alpha = c.float('alpha')
  const mode = c.string('mode')
  c.check(mode === 'standard' || mode === 'nesterov', `mode ${mode}`)
  const gradient = regularized(c, x, given)
  // From the second step on the gradient counts `beta` times.
  const weight = f.select(f.gt(step, 0), f.add(f.mul(step, 0), c.float('beta')), 1)
  const v = f.add(f.mul(velocity!, alpha), f.mul(gradient, weight))
  return [f.sub(x, f.mul(rate, mode === 'nesterov' ? f.add(gradient, f.mul(v, alpha)) : v)), v]
}

/** One step of an optimizer on given gradients: plain arithmetic, element by element. */
export const updateOperators: Readonly<Record<string, Operator>> = Object.fromEntries(
  Object.entries({ Adagrad: update(1, adagrad), Adam: update(2, adam), Momentum: update(1, momentum) }).map(
    ([name, operator]) => [`ai.onnx.preview.training.${name}`, operator],
  ),
)
