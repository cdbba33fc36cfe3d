import type { Builder } from '../../../core/builder.ts'
import type { Value } from '../../../core/graph.ts'
import type { OpContext, Operator } from '../../context.ts'
import { classLabels } from './labels.ts'
import { bothScores, postTransform, transformScores, transformTargets, type PostTransform } from './post-transform.ts'
import { computeDType, rows } from './rows.ts'
import { floatsOf, forestByIds, forestByIndices, values } from './trees.ts'
import { aggregateVotes, type Aggregate, type Voted } from './walk.ts'

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

export const treeEnsemble: Operator = {
  since: 5,
  lower: (c: OpContext) => {
    const aggregate = checkAggregate(c, aggregates[c.int('aggregate_function', 1)])
    const { scores } = aggregateVotes(c, inputRows(c), forestByIndices(c), targetCount(c), aggregate)
    return [transformTargets(c.b, scores, postTransform(c, true))]
  },
}

const pick = (b: Builder, cond: Voted, yes: Value, no: Value): Value =>
  typeof cond === 'boolean' ? (cond ? yes : no) : b.select(cond, yes, no)

/** The rules of onnxruntime's TreeEnsembleClassifier; the specification is silent about two classes with one score. */
export const treeEnsembleClassifier: Operator = {
  lower: (c: OpContext) => {
    const { b } = c
    const labels = classLabels(c, 'classlabels_int64s')
    const base = floatsOf(c, 'base_values')
    c.check(base.length <= Math.max(2, labels.count), `${base.length} base_values for ${labels.count} classes`)
    const transform = postTransform(c)
    const forest = forestByIds(c, 'class')
    const votes = aggregateVotes(c, inputRows(c), forest, labels.count, 'SUM')
    const finish = (scores: Value): Value => b.convert(scores, 'f32')
    if (labels.count > 2) {
      c.check(base.length === 0 || base.length === labels.count, `${base.length} base_values for ${labels.count} classes`)
      const scores = addBase(c, votes.scores, base)
      return [labels.of(topClass(b, scores, base.length > 0, votes.voted)), finish(transformScores(b, scores, transform))]
    }
    const weights = forest.leaves.flat()
    const oneClass = new Set(weights.map(({ target }) => target)).size === 1
    const binary = {
      isProbability: weights.every(({ weight }) => weight >= 0),
      decidable: labels.count === 2 && oneClass,
    }
    void values
    return [labels.of(votes.scores), finish(votes.scores), binary, bothScores, transform] as never
  },
}

function topClass(b: Builder, scores: Value, all: boolean, voted: (target: number) => Voted): Value {
  void all
  void voted
  return b.argreduce(scores, { kind: 'max', axis: 1, last: false })
}
export type { PostTransform }
