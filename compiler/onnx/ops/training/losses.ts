import { convert } from '../../../core/scalar/expr.ts'
import type { Value } from '../../../core/graph.ts'
import { elementCount } from '../../../core/shape.ts'
import type { OpContext, Operator } from '../../context.ts'
import { alongAxis, range } from '../../shared/axes.ts'
import * as f from '../../../core/scalar/formula.ts'
import { logSoftmax } from '../../shared/nn/softmax.ts'

/**
 * Weighted negative log-likelihood of classes `target` [N, …] under log-probabilities [N, classes, …], reduced as
 * attribute `reduction` says. Targets equal to `ignore_index` have no part in it.
 */
function likelihoodLoss(c: OpContext, logProbabilities: Value, target: Value, weights: Value | undefined): Value {
  const { b } = c
  const { dtype, shape } = logProbabilities.type
  const [batch = 0, classes = 0, ...places] = shape
  c.check(shape.length >= 2, 'the input wants a batch and a class axis')
  const expanded = b.reshape(target, [batch, 1, ...places])
  const labels = b.iota(target.type.dtype, [classes, ...places.map(() => 1)], 0)
  const chosen = b.map([expanded, labels], (t, label) => {
    const hit = f.eq(t, label)
    return c.has('ignore_index') ? f.and(hit, f.ne(t, c.int('ignore_index'))) : hit
  })
  const weight = weights && alongAxis(c, weights, 1, shape.length)
  const terms = weight
    ? b.map([chosen, logProbabilities, weight], (hit, p, w) => f.select(hit, f.neg(f.mul(p, w)), 0))
    : b.map([chosen, logProbabilities], (hit, p) => f.select(hit, f.neg(p), 0))
  const losses = b.reduce('add', terms, [1])
  const reduction = c.string('reduction', 'mean')
  c.check(['none', 'sum', 'mean'].includes(reduction), `reduction is "${reduction}"`)
  if (reduction === 'none') return losses
  const sum = b.reduce('add', losses, range(0, losses.type.shape.length))
  if (reduction === 'sum') return sum
  if (!weight && !c.has('ignore_index')) return b.map([sum], (s) => f.div(s, elementCount(losses.type.shape)))
  const counted = weight
    ? b.map([chosen, weight], (hit, w) => f.select(hit, w, 0))
    : b.map([chosen], (hit) => convert(hit, dtype))
  return b.binary('div', sum, b.reduce('add', counted, range(0, shape.length)))
}

export const negativeLogLikelihoodLoss: Operator = {
  lower: (c) => [likelihoodLoss(c, c.input(0), c.input(1), c.inputs[2])],
}

/** Outputs: the loss, and the log-probabilities. */
export const softmaxCrossEntropyLoss: Operator = {
  lower: (c) => {
    const logProbabilities = logSoftmax(c.b, c.input(0), [1])
    return [likelihoodLoss(c, logProbabilities, c.input(1), c.inputs[2]), logProbabilities]
  },
}
