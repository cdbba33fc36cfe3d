import type { Node } from '../../../core/graph.ts'
import type { OpName } from '../../../core/ops/index.ts'
import type { Emitter } from '../emitter.ts'
import type { Edge } from '../graph.ts'
import { argreduce } from './argreduce.ts'
import { convolution } from './convolution.ts'
import { cumulate } from './cumulate.ts'
import { decisionTrees } from './decision-trees.ts'
import { dotGeneral } from './dot-general.ts'
import { gather } from './gather.ts'
import { ifElse } from './if.ts'
import { constant, input, iota, map } from './leaves.ts'
import { reduce } from './reduce.ts'
import { reduceWindow } from './reduce-window.ts'
import type { EmitRegion, Rule } from './rule.ts'
import { scatter } from './scatter.ts'
import { sort } from './sort.ts'
import { broadcastInDim, concatenate, pad, reshape, slice, transpose } from './views.ts'
import { whileLoop } from './while.ts'

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
