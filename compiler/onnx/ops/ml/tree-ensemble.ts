import type { Builder } from '../../../core/builder.ts'
import type { Value } from '../../../core/graph.ts'
import type { OpContext, Operator } from '../../context.ts'
import { range } from '../../shared/axes.ts'
import type { Item } from '../../item.ts'
import { classLabels, type Labels } from './labels.ts'
import { bothScores, postTransform, transformScores, transformTargets } from './post-transform.ts'
import { computeDType, rows } from './rows.ts'
import { floatsOf, forestByIds, forestByIndices, type Votes } from './trees.ts'
import { aggregateVotes, type Aggregate, type Aggregated, type Voted } from './walk.ts'

/** Input 0 as rows in the dtype in which thresholds are compared. */
function inputRows(c: OpContext): Value {
  const x = rows(c)
  return c.b.convert(x, computeDType(x.type.dtype))
}

const aggregates = ['AVERAGE', 'SUM', 'MIN', 'MAX'] as const

function checkAggregate(c: OpContext, given: string | undefined): Aggregate {
  const found = aggregates.find((name) => name === given)
  c.check(found !== undefined, `aggregate_function ${given}`)
  return found
}

function targetCount(c: OpContext): number {
  const count = c.int('n_targets')
  c.check(count > 0, `n_targets is ${count}`)
  return count
}

/** `scores` plus `base`, if there is any. */
function addBase(c: OpContext, scores: Value, base: readonly number[]): Value {
  return base.length === 0 ? scores : c.b.binary('add', scores, c.b.vector(base, scores.type.dtype))
}

export const treeEnsembleRegressor: Operator = {
  lower: (c: OpContext) => {
    const targets = targetCount(c)
    const base = floatsOf(c, 'base_values')
    c.check(base.length === 0 || base.length === targets, `${base.length} base_values for ${targets} targets`)
    const aggregate = checkAggregate(c, c.string('aggregate_function', 'SUM'))
    const { scores } = aggregateVotes(c, inputRows(c), forestByIds(c, 'target'), targets, aggregate)
    return [c.b.convert(transformTargets(c.b, addBase(c, scores, base), postTransform(c)), 'f32')]
  },
}

/**
 * The transform is the specification's, for a single target too. onnxruntime (1.30) gives a single target's score as it is,
 * and has the numbers of SOFTMAX and LOGISTIC the other way round.
 */
export const treeEnsemble: Operator = {
  since: 5,
  lower: (c: OpContext) => {
    const aggregate = checkAggregate(c, aggregates[c.int('aggregate_function', 1)])
    const { scores } = aggregateVotes(c, inputRows(c), forestByIndices(c), targetCount(c), aggregate)
    return [transformScores(c.b, scores, postTransform(c, true))]
  },
}

/** What `yes` gives where `cond` holds, [rows, …], else what `no` gives; only what can be needed is made. */
function pick(b: Builder, cond: Voted, yes: () => Value, no: () => Value): Value {
  if (typeof cond === 'boolean') return cond ? yes() : no()
  return b.select(b.reshape(cond, [cond.type.shape[0]!, 1]), yes(), no())
}

/** The class of the greatest score, i32 [rows]. Classes that got no vote do not count. */
function topClass(b: Builder, scores: Value, voted: (target: number) => Voted): Value {
  const [count, classes] = scores.type.shape as [number, number]
  const columns = range(0, classes).map((i) =>
    pick(
      b,
      voted(i),
      () => b.sliceAxis(scores, 1, i, 1),
      () => b.full(-Infinity, scores.type.dtype, [count, 1]),
    ),
  )
  const counted = range(0, classes).every((i) => voted(i) === true) ? scores : b.concatenate(columns, 1)
  return b.argreduce(counted, { kind: 'max', axis: 1, last: false })
}

/** Labels, i64 [rows], and scores, [rows, 2], of two classes. */
function decide(
  c: OpContext,
  labels: Labels,
  votes: Aggregated,
  base: readonly number[],
  { targets, weights }: Votes,
): [Item, Value] {
  const { b } = c
  const transform = postTransform(c)
  const { dtype, shape } = votes.scores.type
  const [sum0, sum1] = [0, 1].map((i) => b.sliceAxis(votes.scores, 1, i, 1)) as [Value, Value]
  const voted = votes.voted(1)
  const plus = (x: Value, i: number): Value => (base[i] ? b.binary('add', x, b.scalar(base[i], dtype)) : x)
  const two = base.length === 2
  // With two base values and votes for class 1 the sum for class 0 is taken as the score of class 1.
  const score1 = two
    ? pick(
        b,
        voted,
        () => plus(sum0, 1),
        () => plus(sum1, 1),
      )
    : sum1
  const score0 = two
    ? pick(
        b,
        voted,
        () => b.unary('neg', score1),
        () => plus(sum0, 0),
      )
    : plus(sum0, 0)
  const deciding = pick(
    b,
    voted,
    () => score1,
    () =>
      pick(
        b,
        votes.voted(0),
        () => score0,
        () => b.full(0, dtype, [shape[0]!, 1]),
      ),
  )
  const oneClass = new Set(targets).size === 1
  const isProbability = oneClass && weights.every((weight) => weight >= 0)
  // A margin decides at 0, where LOGISTIC gives both classes the same. onnxruntime (1.30) has 0.5 there too, against its own scores.
  const threshold = isProbability && transform !== 'LOGISTIC' ? 0.5 : 0
  const positive = b.reshape(b.binary('gt', deciding, b.scalar(threshold, dtype)), [shape[0]!])
  const separate = (): Value => transformScores(b, b.concatenate([score0, score1], 1), transform)
  const joint = (): Value => bothScores(c, score0, isProbability ? 'probability' : 'signed', transform)
  // Where both classes have weights the labels are 1 and 0, whatever integers the model has for them.
  return [
    oneClass || labels.areStrings ? labels.choose(positive) : b.convert(positive, 'i64'),
    two ? separate() : pick(b, voted, separate, joint),
  ]
}

/** The rules are those of onnxruntime; the specification is silent about two classes with one score. */
export const treeEnsembleClassifier: Operator = {
  lower: (c: OpContext) => {
    const { b } = c
    const labels = classLabels(c, 'classlabels_int64s')
    const base = floatsOf(c, 'base_values')
    const bases = labels.count === 2 ? [0, 1, 2] : [0, labels.count]
    c.check(bases.includes(base.length), `${base.length} base_values for ${labels.count} classes`)
    const forest = forestByIds(c, 'class')
    const votes = aggregateVotes(c, inputRows(c), forest, labels.count, 'SUM')
    if (labels.count === 2) {
      const [label, scores] = decide(c, labels, votes, base, forest.votes)
      return [label, b.convert(scores, 'f32')]
    }
    const scores = addBase(c, votes.scores, base)
    const transformed = b.convert(transformTargets(b, scores, postTransform(c)), 'f32')
    if (labels.count > 2)
      return [labels.of(topClass(b, scores, base.length > 0 ? () => true : votes.voted)), transformed]
    const positive = b.binary('gt', b.reshape(scores, [scores.type.shape[0]!]), b.scalar(0, scores.type.dtype))
    return [labels.choose(positive), transformed]
  },
}
