import type { OpName } from '../../core/ops/index.ts'
import { fail } from '../../core/diagnostic.ts'
import { broadcastInDim } from './broadcast-in-dim.ts'
import { concatenate } from './concatenate.ts'
import { convolution } from './convolution.ts'
import { dotGeneral } from './dot-general.ts'
import { map } from './map.ts'
import { pad } from './pad.ts'
import { reduce } from './reduce.ts'
import { reduceWindow } from './reduce-window.ts'
import { reshape } from './reshape.ts'
import type { Vjp } from './rule.ts'
import { slice } from './slice.ts'
import { transpose } from './transpose.ts'

/** For ops whose results are integers, and those without operands: nothing goes back. */
const nothing = () => []

const missing = ({ node }: { readonly node: { readonly op: OpName } }): never =>
  fail('A801', `${node.op} has no derivative`)

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
  cumulate: missing,
  gather: missing,
  scatter: missing,
  sort: missing,
  while: missing,
  if: missing,
}
