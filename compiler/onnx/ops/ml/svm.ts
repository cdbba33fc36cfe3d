import { constant } from '../../../core/scalar/expr.ts'
import type { Value } from '../../../core/graph.ts'
import { tensorOf } from '../../../core/tensor.ts'
import type { OpContext, Operator } from '../../context.ts'
import { range } from '../../shared/axes.ts'
import * as f from '../../../core/scalar/formula.ts'
import type { Item } from '../../item.ts'
import { classLabels, type Labels } from './labels.ts'
import { project } from './linear.ts'
import { couple } from './coupling.ts'
import { bothScores, logistic, postTransform, transformScores } from './post-transform.ts'
import { floatRows } from './rows.ts'

/** The kernel of every row with every support vector, [rows, vectors]. */
function kernels(c: OpContext, x: Value, vectors: readonly number[], count: number): Value {
  const { b } = c
  const type = c.string('kernel_type', 'LINEAR')
  const [gamma = 0, coef0 = 0, degree = 0] = c.floats('kernel_params', [])
  if (type === 'RBF') {
    const [rows, features] = x.type.shape as [number, number]
    c.check(
      vectors.length === count * features,
      `${vectors.length} numbers in ${count} vectors of ${features} features`,
    )
    const table = b.constant(tensorOf('f32', [1, count, features], vectors))
    const squares = b.map([b.reshape(x, [rows, 1, features]), table], (v, s) => f.square(f.sub(v!, s!)))
    return b.map([b.reduce('add', squares, [2])], (d) => f.exp(f.mul(d!, -gamma)))
  }
  const products = project(c, x, vectors, count)
  switch (type) {
    case 'LINEAR':
      return products
    case 'POLY':
      return b.map([products], (p) => {
        const base = f.add(f.mul(p!, gamma), coef0)
        if (degree === 2) return f.square(base)
        return degree === 3 ? f.mul(f.square(base), base) : f.pow(base, degree)
      })
    case 'SIGMOID':
      return b.map([products], (p) => f.tanh(f.add(f.mul(p!, gamma), coef0)))
  }
  c.check(false, `kernel_type ${type}`)
}

/** Without support vectors the coefficients are those of a linear model. */
export const svmRegressor: Operator = {
  lower: (c: OpContext) => {
    const { b } = c
    const x = floatRows(c)
    const coefficients = c.floats('coefficients')
    const count = c.int('n_supports', 0)
    const [rho = 0] = c.floats('rho')
    const sum =
      count > 0
        ? project(c, kernels(c, x, c.floats('support_vectors'), count), coefficients, 1)
        : project(c, x, coefficients, 1)
    const oneClass = c.int('one_class', 0) !== 0
    return [
      b.map([sum], (s) => {
        const y = f.add(s!, rho)
        return oneClass ? f.select(f.gt(y, 0), constant(1, 'f32'), -1) : y
      }),
    ]
  },
}

/** Each class against the rest, by weights for each feature. */
function linearMachine(c: OpContext, labels: Labels, hasProbabilities: boolean): Item[] {
  const { b } = c
  const coefficients = c.floats('coefficients')
  const [rho = 0] = c.floats('rho')
  const scores = b.map([project(c, floatRows(c), coefficients, labels.count)], (s) => f.add(s!, rho))
  const transformed = labels.count > 1 ? transformScores(b, scores, postTransform(c)) : scores
  const top = b.argreduce(scores, { kind: 'max', axis: 1, last: false })
  if (labels.count !== 2 || hasProbabilities) return [labels.of(top), transformed]
  // onnxruntime takes class 1 wherever a score, of either class, is high.
  const highest = b.reduce('max', scores, [1])
  const high = b.map([highest], (s) => (coefficients.every((w) => w >= 0) ? f.ge(s!, 0.5) : f.gt(s!, 0)))
  return [labels.of(b.select(high, b.scalar(1, 'i32'), top)), transformed]
}

/** Pairs of classes: the first against the second. */
const pairsOf = (classes: number): [number, number][] =>
  range(0, classes).flatMap((i) => range(i + 1, classes).map((j): [number, number] => [i, j]))

/** Most classes whose probabilities are computed: the code grows with each. */
const mostCoupled = 16

/** Probabilities of the classes, [rows, classes], from the scores of pairs by Platt's sigmoids. */
function probabilities(c: OpContext, pairs: readonly [number, number][], scores: Value, classes: number): Value {
  const { b } = c
  const [slopes, offsets] = [c.floats('prob_a'), c.floats('prob_b')]
  const enough = slopes.length >= pairs.length && offsets.length >= pairs.length
  c.check(enough, `${slopes.length} prob_a and ${offsets.length} prob_b for ${pairs.length} pairs of classes`)
  if (classes > mostCoupled) c.unsupported(`probabilities of ${classes} classes`)
  const column = (values: readonly number[]): Value => b.vector(values.slice(0, pairs.length), 'f32')
  const first = b.map([scores, column(slopes), column(offsets)], (s, slope, offset) => {
    const p = f.sub(1, logistic(f.add(f.mul(s, slope), offset)))
    return f.clamp(p, Math.fround(1e-7), Math.fround(1 - 1e-7))
  })
  return b.transpose(couple(b, pairs, b.transpose(first, [1, 0]), classes), [1, 0])
}

/** One against one. Row j - 1 (of class i's vectors) and row i (of class j's) of the coefficients decide between i and j. */
export const svmClassifier: Operator = {
  limits: `probabilities of ${mostCoupled} classes at most`,
  lower: (c: OpContext) => {
    const { b } = c
    const labels = classLabels(c, 'classlabels_ints')
    const classes = labels.count
    const sizes = c.ints('vectors_per_class', [])
    const count = sizes.reduce((a, n) => a + n, 0)
    const hasProbabilities = c.floats('prob_a', []).length > 0
    if (count === 0) return linearMachine(c, labels, hasProbabilities)
    c.check(
      sizes.length === classes && sizes.every((n) => n >= 0),
      `vectors_per_class [${sizes.join(',')}] for ${classes} classes`,
    )
    const coefficients = c.floats('coefficients')
    const pairs = pairsOf(classes)
    const rho = c.floats('rho')
    c.check(
      pairs.length > 0 && rho.length >= pairs.length,
      `${rho.length} values of rho for ${pairs.length} pairs of classes`,
    )
    c.check(coefficients.length === count * (classes - 1), `${coefficients.length} coefficients for ${count} vectors`)
    const owner = sizes.flatMap((n, i) => new Array<number>(n).fill(i))
    const weights = pairs.flatMap(([i, j]) =>
      owner.map((own, v) =>
        own === i ? coefficients[(j - 1) * count + v]! : own === j ? coefficients[i * count + v]! : 0,
      ),
    )
    const kernel = kernels(c, floatRows(c), c.floats('support_vectors'), count)
    const scores = b.binary(
      'add',
      project(c, kernel, weights, pairs.length),
      b.vector(rho.slice(0, pairs.length), 'f32'),
    )

    // A pair's score votes for its first class where it is positive, else for its second.
    const wins = b.convert(b.binary('gt', scores, b.scalar(0, 'f32')), 'f32')
    const gain = range(0, classes).flatMap((k) => pairs.map(([i, j]) => (k === i ? 1 : k === j ? -1 : 0)))
    const losses = range(0, classes).map((k) => pairs.filter(([, j]) => k === j).length)
    const votes = b.binary('add', project(c, wins, gain, classes), b.vector(losses, 'f32'))
    const label = labels.of(b.argreduce(votes, { kind: 'max', axis: 1, last: false }))
    const transform = postTransform(c)
    if (hasProbabilities) return [label, transformScores(b, probabilities(c, pairs, scores, classes), transform)]
    if (classes > 2) return [label, transformScores(b, scores, transform)]
    return [label, bothScores(c, scores, transform === 'NONE' ? 'signed' : 'probability', transform)]
  },
}
