import type { DType } from '../../../core/dtype.ts'
import { fail } from '../../../core/diagnostic.ts'
import type { Expr } from '../../../core/expr.ts'
import type { Value } from '../../../core/graph.ts'
import { tensorOf } from '../../../core/tensor.ts'
import type { OpContext } from '../../context.ts'
import { range } from '../../shared/axes.ts'
import * as f from '../../../core/formula.ts'
import { branchModes, depthOf, leavesByTree, type BranchMode, type Forest } from './trees.ts'

/** Leaves times targets, of which every one has a weight. */
const maxWeights = 1 << 24

/** The narrowest unsigned dtype for indices below `count`. */
const indexDType = (count: number): DType => (count <= 1 << 8 ? 'u8' : count <= 1 << 16 ? 'u16' : 'i32')

const compare: Readonly<Record<BranchMode, (x: Expr, threshold: Expr) => Expr>> = {
  LEQ: f.le,
  LT: f.lt,
  GTE: f.ge,
  GT: f.gt,
  EQ: f.eq,
  NEQ: f.ne,
}

/**
 * The leaf that each row of `x` [rows, features] reaches in each tree: i32 [rows, trees]. Every tree takes as many steps as
 * the deepest one: a row that has reached leaf i stays at place branches + i.
 */
function walk(c: OpContext, x: Value, forest: Forest, roots: readonly number[]): Value {
  const { b } = c
  const { branches, leaves } = forest
  const [count, features] = x.type.shape as [number, number]
  const depth = depthOf(c, forest)
  const wrong = branches.find(({ feature }) => feature < 0 || feature >= features)
  c.check(wrong === undefined, `feature ${wrong?.feature} is none of ${features}`)

  const place = (next: number): number => (next >= 0 ? next : branches.length - 1 - next)
  const table = (values: readonly number[], dtype: DType): Value => b.vector(values, dtype)
  const at = (values: Value, indices: Value): Value => b.take(values, indices, 0)
  const nextTable = table(
    branches.flatMap(({ yes, no }) => [place(no), place(yes)]),
    indexDType(branches.length + leaves.length),
  )
  const thresholdTable = table(
    branches.map(({ threshold }) => threshold),
    x.type.dtype,
  )
  const featureTable = table(
    branches.map(({ feature }) => feature),
    indexDType(features),
  )
  const modes = branchModes.filter((mode) => branches.some((branch) => branch.mode === mode))
  const modeTable = table(
    branches.map(({ mode }) => modes.indexOf(mode)),
    'u8',
  )
  const tracks = branches.filter(({ missing }) => missing).length
  const missingTable = table(
    branches.map(({ missing }) => (missing ? 1 : 0)),
    'u8',
  )

  const start = roots.map(place)
  let node = b.broadcastInDim(b.constant(tensorOf('i32', [roots.length], start)), [count, roots.length], [1])
  for (let step = 0; step < depth; step++) {
    // At a leaf the tables' last entries are read, gathers being clamped, and ignored.
    const feature = at(featureTable, node)
    const value = b.gather(x, feature, {
      offsetDims: [],
      collapsedSliceDims: [1],
      operandBatchingDims: [0],
      startIndicesBatchingDims: [0],
      startIndexMap: [1],
      indexVectorDim: 2,
      sliceSizes: [1, 1],
    })
    const operands = [value, at(thresholdTable, node)]
    if (modes.length > 1) operands.push(at(modeTable, node))
    if (tracks > 0 && tracks < branches.length) operands.push(at(missingTable, node))
    const answer = b.map(operands, (v, threshold, ...rest) => {
      const mode = modes.length > 1 ? rest.shift() : undefined
      const test = modes
        .map((m) => compare[m](v!, threshold!))
        .reduceRight((others, own, i) => f.select(f.eq(mode!, i), own, others))
      if (tracks === 0) return test
      const isMissing = f.ne(v!, v!)
      return f.or(test, rest.length > 0 ? f.and(isMissing, f.ne(rest[0]!, 0)) : isMissing)
    })
    const index = b.map([node, b.convert(answer, 'i32')], (n, a) => f.add(f.mul(n!, 2), a!))
    const next = b.convert(at(nextTable, index), 'i32')
    node = b.map([node, next], (n, m) => f.select(f.lt(n!, branches.length), m!, n!))
  }
  return b.map([node], (n) => f.sub(n!, branches.length))
}

export type Aggregate = 'SUM' | 'AVERAGE' | 'MIN' | 'MAX'

/** Whether anything votes for a target: known beforehand, or bool [rows]. */
export type Voted = boolean | Value

export interface Aggregated {
  /** [rows, targets]; 0 where nothing votes. */
  readonly scores: Value
  voted(target: number): Voted
}

/** The votes of the trees for each row of `x` [rows, features], aggregated by target. */
export function aggregateVotes(c: OpContext, x: Value, forest: Forest, targets: number, kind: Aggregate): Aggregated {
  const { b } = c
  const { leaves, roots } = forest
  const { dtype } = x.type
  for (const { target } of leaves.flat()) {
    c.check(target >= 0 && target < targets, `target ${target} is none of ${targets}`)
  }
  const reduceKind = kind === 'MIN' ? 'min' : kind === 'MAX' ? 'max' : 'add'
  const none = kind === 'MIN' ? Infinity : kind === 'MAX' ? -Infinity : 0
  const combine = (a: number, w: number): number =>
    kind === 'MIN' ? Math.min(a, w) : kind === 'MAX' ? Math.max(a, w) : a + w
  const weightsOf = (target?: number): number[] =>
    leaves.map((votes) =>
      votes.reduce((sum, v) => (v.target === (target ?? v.target) ? combine(sum, v.weight) : sum), none),
    )

  const byTree = leavesByTree(forest)
  const votedBy = byTree.map((list) => [...new Set(list.flatMap((i) => leaves[i]!.map((vote) => vote.target)))])
  // Boosted classifiers: each tree is for one class. Trees are put in the order of their targets.
  const single = votedBy.every((list) => list.length <= 1)
  const order = roots.map((_, i) => i)
  if (single) order.sort((i, j) => (votedBy[i]![0] ?? 0) - (votedBy[j]![0] ?? 0))
  const leaf = walk(
    c,
    x,
    forest,
    order.map((i) => roots[i]!),
  )

  let total: Value
  if (single) {
    const chosen = b.take(b.constant(tensorOf(dtype, [leaves.length], weightsOf())), leaf, 0)
    const columns = range(0, targets).map((target) => {
      const mine = order.map((i) => (votedBy[i]![0] ?? 0) === target)
      const trees = mine.filter((m) => m).length
      const part = b.sliceAxis(chosen, 1, Math.max(0, mine.indexOf(true)), trees)
      return b.reduce(reduceKind, part, [1], true)
    })
    total = b.concatenate(columns, 1)
  } else {
    if (leaves.length * targets > maxWeights) {
      fail('A301', `${leaves.length} leaves vote for ${targets} targets; the limit is ${maxWeights} weights`)
    }
    const columns = range(0, targets).map(weightsOf)
    const table = leaves.flatMap((_, i) => columns.map((column) => column[i]!))
    total = b.reduce(reduceKind, b.take(b.constant(tensorOf(dtype, [leaves.length, targets], table)), leaf, 0), [1])
  }
  const finish: Record<Aggregate, (t: Expr) => Expr> = {
    SUM: (t) => t,
    AVERAGE: (t) => f.div(t, roots.length),
    MIN: (t) => f.select(f.eq(t, none), 0, t),
    MAX: (t) => f.select(f.eq(t, none), 0, t),
  }
  return {
    scores: b.map([total], (t) => finish[kind](t!)),
    voted: (target) => {
      const votes = leaves.map((list) => list.some((vote) => vote.target === target))
      if (byTree.some((list) => list.every((i) => votes[i]))) return true
      if (!votes.some((v) => v)) return false
      const table = b.vector(votes.map(Number), 'i32')
      return b.map([b.reduce('max', b.take(table, leaf, 0), [1])], (v) => f.ne(v!, 0))
    },
  }
}
