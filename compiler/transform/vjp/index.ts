import type { OpName } from '../../core/ops/index.ts'
import { broadcastInDim } from './data-movement/broadcast-in-dim.ts'
import { concatenate } from './data-movement/concatenate.ts'
import { convolution } from './convolution.ts'
import { cumulate } from './reductions/cumulate.ts'
import { dotGeneral } from './dot-general.ts'
import { gather } from './data-movement/gather.ts'
import { ifElse } from './control-flow/if.ts'
import { map } from './map.ts'
import { pad } from './data-movement/pad.ts'
import { reduceWindow } from './reductions/reduce-window.ts'
import { reduce } from './reductions/reduce.ts'
import { reshape } from './data-movement/reshape.ts'
import type { Vjp } from './rule.ts'
import { scatter } from './data-movement/scatter.ts'
import { slice } from './data-movement/slice.ts'
import { sort } from './sort.ts'
import { transpose } from './data-movement/transpose.ts'
import { whileLoop } from './control-flow/while.ts'

/** For ops whose results are integers, and those without operands: nothing goes back. */
const nothing = () => []

/** How each core op goes backwards; the type checker wants a rule for every one. */
export const rules: { readonly [O in OpName]: Vjp<O> } = {
  input: nothing,
  constant: nothing,
  iota: nothing,
  argreduce: nothing,
  decision_trees: nothing,
  map,
  reduce,
  reduce_window: reduceWindow,
  reshape,
  transpose,
  broadcast_in_dim: broadcastInDim,
  slice,
  pad,
  concatenate,
  dot_general: dotGeneral,
  convolution,
  cumulate,
  gather,
  scatter,
  sort,
  while: whileLoop,
  if: ifElse,
}
