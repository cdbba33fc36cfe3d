import type { OpName } from '../../core/ops/index.ts'
import { argreduce, cumulate, reduce, reduceWindow, sort } from './along-axis.ts'
import { convolution } from './convolution.ts'
import { decisionTrees } from './decision-trees.ts'
import { dotGeneral } from './dot-general.ts'
import { gather } from './gather.ts'
import { ifElse } from './if.ts'
import { map } from './map.ts'
import type { AnyRule, Rule } from './rule.ts'
import { scatter } from './scatter.ts'
import { broadcastInDim, concatenate, pad, reshape, slice, transpose } from './views.ts'
import { whileLoop } from './while.ts'

/** Ops without operands: what they give is the same for all samples. */
type Leaf = 'input' | 'constant' | 'iota'

const rules: { readonly [O in Exclude<OpName, Leaf>]: Rule<O> } = {
  map,
  reduce,
  argreduce,
  cumulate,
  reduce_window: reduceWindow,
  reshape,
  transpose,
  broadcast_in_dim: broadcastInDim,
  slice,
  pad,
  concatenate,
  gather,
  scatter,
  dot_general: dotGeneral,
  convolution,
  sort,
  decision_trees: decisionTrees,
  while: whileLoop,
  if: ifElse,
}

/** The rule of an op that has operands. */
export const ruleOf = (op: OpName): AnyRule => rules[op as Exclude<OpName, Leaf>] as AnyRule
