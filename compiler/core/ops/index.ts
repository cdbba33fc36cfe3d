import { argreduce } from './reductions/argreduce.ts'
import { broadcastInDim } from './data-movement/broadcast-in-dim.ts'
import { concatenate } from './data-movement/concatenate.ts'
import { constant } from './constant.ts'
import { convolution } from './convolution.ts'
import { cumulate } from './reductions/cumulate.ts'
import { decisionTrees } from './decision-trees.ts'
import { dotGeneral } from './dot-general.ts'
import type { Facets } from './facets.ts'
import { gather } from './data-movement/gather.ts'
import { ifElse } from './control-flow/if.ts'
import { input } from './input.ts'
import { iota } from './iota.ts'
import { map } from './map.ts'
import { pad } from './data-movement/pad.ts'
import { reduce } from './reductions/reduce.ts'
import { reduceWindow } from './reductions/reduce-window.ts'
import { reshape } from './data-movement/reshape.ts'
import { scatter } from './data-movement/scatter.ts'
import { slice } from './data-movement/slice.ts'
import { sort } from './sort.ts'
import { transpose } from './data-movement/transpose.ts'
import { whileLoop } from './control-flow/while.ts'

/** Every core op by name. Names and semantics are StableHLO's where it has the op. */
export const ops = {
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

export type OpName = keyof typeof ops
export type AttrsOf<O extends OpName> = O extends OpName ? ((typeof ops)[O] extends Facets<infer A> ? A : never) : never

/** The facets of `op` for code that treats all ops alike; attributes must be the op's own. */
export const facetsOf = (op: OpName): Facets<unknown> => ops[op] as Facets<unknown>
