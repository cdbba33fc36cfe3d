import type { Node } from '../../../core/graph.ts'
import type { OpName } from '../../../core/ops/index.ts'
import type { Emitter } from '../emitter.ts'
import type { Edge } from '../graph.ts'
import { argreduce } from './reductions/argreduce.ts'
import { convolution } from './convolution.ts'
import { cumulate } from './reductions/cumulate.ts'
import { decisionTrees } from './decision-trees.ts'
import { dotGeneral } from './dot-general.ts'
import { gather } from './data-movement/gather.ts'
import { ifElse } from './control-flow/if.ts'
import { constant, input, iota, map } from './leaves.ts'
import { reduce } from './reductions/reduce.ts'
import { reduceWindow } from './reductions/reduce-window.ts'
import type { EmitRegion, Rule } from './rule.ts'
import { scatter } from './data-movement/scatter.ts'
import { sort } from './sort.ts'
import { broadcastInDim, concatenate, pad, reshape, slice, transpose } from './data-movement/views.ts'
import { whileLoop } from './control-flow/while.ts'

/** A rule for every core op. */
const rules: { readonly [O in OpName]: Rule<O> } = {
  input,
  constant,
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
  iota,
  gather,
  scatter,
  dot_general: dotGeneral,
  convolution,
  sort,
  decision_trees: decisionTrees,
  while: whileLoop,
  if: ifElse,
}

export const emitNode = (e: Emitter, node: Node, operands: readonly Edge[], emitRegion: EmitRegion): readonly Edge[] =>
  (rules[node.op] as Rule<OpName>)(e, node as never, operands, emitRegion)
