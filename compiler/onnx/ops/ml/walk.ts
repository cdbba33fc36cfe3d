import { fail } from '../../../core/diagnostics/diagnostic.ts'
import type { DType, TypedArray } from '../../../core/scalar/dtype.ts'
import type { Expr } from '../../../core/scalar/expr.ts'
import type { Value } from '../../../core/graph.ts'
import { tensor } from '../../../core/tensor.ts'
import type { OpContext } from '../../context.ts'
import { range } from '../../shared/axes.ts'
import * as f from '../../../core/scalar/formula.ts'
import { mergeLeaves, separate, type Trees } from './forest.ts'
import type { Forest, Votes } from './trees.ts'

/** Leaves times targets, of which every one has a weight. */
const maxWeights = 1 << 26

/** The leaf that each row of `x` [rows, features] reaches in each tree: i32 [rows, trees]. */
function walk(c: OpContext, x: Value, { branches, roots }: Trees): Value {
  const { b } = c
  const list = (dtype: DType, values: TypedArray): Value => b.constant(tensor(dtype, [values.length], values))
  const { thresholds, features, missing, next } = branches
  return b.decisionTrees(x, {
    thresholds: list(x.type.dtype, x.type.dtype === 'f64' ? thresholds : Float32Array.from(thresholds)),
    features: list('i32', features),
    next: b.reshape(list('i32', next), [features.length, 2]),
    missing: list('u8', missing),
    roots: list('i32', roots),
  })
}

export type Aggregate = 'SUM' | 'AVERAGE' | 'MIN' | 'MAX'

/** Whether anything votes for a target: known beforehand, or bool [rows]. */
export type Voted = boolean | Value

export interface Aggregated {
  /** [rows, targets]; 0 where nothing votes. */
  readonly scores: Value
  voted(target: number): Voted
}

const combine: Readonly<Record<Aggregate, (a: number, w: number) => number>> = {
  SUM: (a, w) => a + w,
  AVERAGE: (a, w) => a + w,
  MIN: Math.min,
  MAX: Math.max,
}

/** The target that each tree votes for, -1 for none; undefined where a tree votes for several. */
function targetsOfTrees({ votes, firstLeaf, roots }: Trees): Int32Array | undefined {
  const found = new Int32Array(roots.length).fill(-1)
  for (let tree = 0; tree < roots.length; tree++) {
    const end = votes.starts[firstLeaf[tree + 1]!]!
    for (let i = votes.starts[firstLeaf[tree]!]!; i < end; i++) {
      if (found[tree]! >= 0 && found[tree] !== votes.targets[i]) return undefined
      found[tree] = votes.targets[i]!
    }
  }
  return found
}

/** Of each target, how often it gets a vote: from no leaf at all, from some, or from all leaves of some tree. */
function frequencies({ votes, firstLeaf, roots }: Trees, targets: number): Uint8Array {
  const { starts } = votes
  const found = new Uint8Array(targets)
  for (let tree = 0; tree < roots.length; tree++) {
    const leaves = new Map<number, number>()
    for (let leaf = firstLeaf[tree]!; leaf < firstLeaf[tree + 1]!; leaf++) {
      for (const target of new Set(votes.targets.subarray(starts[leaf], starts[leaf + 1])))
        leaves.set(target, (leaves.get(target) ?? 0) + 1)
    }
    const all = firstLeaf[tree + 1]! - firstLeaf[tree]!
    for (const [target, count] of leaves) found[target] = Math.max(found[target]!, count === all ? 2 : 1)
  }
  return found
}

/** Whether each leaf votes for `target`. */
function votesFor({ starts, targets }: Votes, target: number): Int32Array {
  const found = new Int32Array(starts.length - 1)
  for (let leaf = 0; leaf < found.length; leaf++)
    for (let i = starts[leaf]!; i < starts[leaf + 1]!; i++) if (targets[i] === target) found[leaf] = 1
  return found
}

/** The votes of the trees for each row of `x` [rows, features], aggregated by target. */
export function aggregateVotes(c: OpContext, x: Value, forest: Forest, targets: number, kind: Aggregate): Aggregated {
  const { b } = c
  const dtype = x.type.dtype === 'f64' ? 'f64' : 'f32'
  const features = x.type.shape[1]!
  const outside = (list: Int32Array, end: number): number | undefined => list.find((i) => i < 0 || i >= end)
  const target = outside(forest.votes.targets, targets)
  c.check(target === undefined, `target ${target} is none of ${targets}`)
  const feature = outside(forest.branches.features, features)
  c.check(feature === undefined, `feature ${feature} is none of ${features}`)
  c.check(forest.roots.length > 0, 'there are no trees')
  const reduceKind = kind === 'MIN' ? 'min' : kind === 'MAX' ? 'max' : 'add'
  const none = kind === 'MIN' ? Infinity : kind === 'MAX' ? -Infinity : 0

  const apart = separate(c, forest, dtype)
  const known = targetsOfTrees(apart)
  // Boosted classifiers: each tree is for one class. Trees are put in the order of their targets.
  const order = known && Array.from(known.keys()).sort((i, j) => Math.max(0, known[i]!) - Math.max(0, known[j]!))
  const merged = mergeLeaves(apart)
  const { votes } = merged
  const leaves = votes.starts.length - 1
  const leaf = walk(c, x, order ? { ...merged, roots: Int32Array.from(order, (i) => merged.roots[i]!) } : merged)

  /** Of each leaf a row of `columns` weights; `column` says where a target's stands. */
  const weights = (columns: number, column: (target: number) => number): TypedArray => {
    const table = new Float64Array(leaves * columns).fill(none)
    for (let i = 0; i < leaves; i++) {
      for (let k = votes.starts[i]!; k < votes.starts[i + 1]!; k++) {
        const at = i * columns + column(votes.targets[k]!)
        table[at] = combine[kind](table[at]!, votes.weights[k]!)
      }
    }
    return dtype === 'f64' ? table : Float32Array.from(table)
  }
  let total: Value
  if (known && order) {
    const table = weights(1, () => 0)
    const chosen = b.take(b.constant(tensor(dtype, [leaves], table)), leaf, 0)
    let first = 0
    const columns = range(0, targets).map((target) => {
      const trees = known.reduce((sum, t) => sum + Number(Math.max(0, t) === target), 0)
      const part = b.sliceAxis(chosen, 1, first, trees)
      first += trees
      return b.reduce(reduceKind, part, [1], true)
    })
    total = b.concatenate(columns, 1)
  } else {
    if (leaves * targets > maxWeights)
      fail('A301', `${leaves} leaves vote for ${targets} targets; the limit is ${maxWeights} weights`)
    const table = weights(targets, (t) => t)
    total = b.reduce(reduceKind, b.take(b.constant(tensor(dtype, [leaves, targets], table)), leaf, 0), [1])
  }
  const finish: Record<Aggregate, (t: Expr) => Expr> = {
    SUM: (t) => t,
    AVERAGE: (t) => f.div(t, forest.roots.length),
    MIN: (t) => f.select(f.eq(t, none), 0, t),
    MAX: (t) => f.select(f.eq(t, none), 0, t),
  }
  let frequency: Uint8Array | undefined
  return {
    scores: b.map([total], (t) => finish[kind](t!)),
    voted: (target) => {
      frequency ??= frequencies(apart, targets)
      if (frequency[target] !== 1) return frequency[target] === 2
      const table = b.constant(tensor('i32', [leaves], votesFor(votes, target)))
      return b.map([b.reduce('max', b.take(table, leaf, 0), [1])], (v) => f.ne(v!, 0))
    },
  }
}
