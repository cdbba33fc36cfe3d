import type { Value } from '../../../core/graph.ts'
import { tensorOf } from '../../../core/tensor.ts'
import type { OpContext, Operator } from '../../context.ts'
import { matmul } from '../../shared/matmul.ts'
import { classLabels } from './labels.ts'
import { bothScores, postTransform, transformScores, transformTargets } from './post-transform.ts'
import { floatRows } from './rows.ts'

/** x · coefficientsᵀ for coefficients that are listed target by target; [rows, targets]. */
export function project(c: OpContext, x: Value, coefficients: readonly number[], targets: number): Value {
  const features = x.type.shape[1]!
  c.check(
    coefficients.length === targets * features,
    `${coefficients.length} coefficients for ${targets} targets of ${features} features`,
  )
  const weights = c.b.constant(tensorOf('f32', [targets, features], coefficients))
  return matmul(c.b, x, c.b.transpose(weights, [1, 0]))
}

/** The projection of input 0 plus intercepts, if there are any. */
function linear(c: OpContext, targets: number, intercepts: readonly number[]): Value {
  const product = project(c, floatRows(c), c.floats('coefficients'), targets)
  return intercepts.length === targets ? c.b.binary('add', product, c.b.vector(intercepts, 'f32')) : product
}

export const linearRegressor: Operator = {
  lower: (c: OpContext) => [
    transformTargets(c.b, linear(c, c.int('targets', 1), c.floats('intercepts', [])), postTransform(c)),
  ],
}

export const linearClassifier: Operator = {
  lower: (c: OpContext) => {
    const { b } = c
    const labels = classLabels(c, 'classlabels_ints')
    const transform = postTransform(c)
    const intercepts = c.floats('intercepts', [])
    const targets = intercepts.length > 0 ? intercepts.length : labels.count
    const scores = linear(c, targets, intercepts)
    if (targets > 1) {
      c.check(targets === labels.count, `${labels.count} labels for ${targets} classes`)
      const top = b.argreduce(scores, { kind: 'max', axis: 1, last: false })
      return [labels.of(top), transformScores(b, scores, transform)]
    }
    const positive = b.binary('gt', b.reshape(scores, [scores.type.shape[0]!]), b.scalar(0, 'f32'))
    const both =
      labels.count === 2 ? bothScores(c, scores, 'probability', transform) : transformTargets(b, scores, transform)
    return [labels.choose(positive), both]
  },
}
