import { fail } from '../../core/diagnostics/diagnostic.ts'
import type { Graph, Node, NodeOf } from '../../core/graph.ts'
import type { OpName } from '../../core/ops/index.ts'
import { elementCount } from '../../core/shape.ts'
import type { Sparsity } from '../../core/artefact/artefact.ts'
import { computeInPlace } from '../memory/in-place.ts'
import { withFusedTiles } from '../kernels/fused-tiles.ts'
import type { Program, State } from '../program/program.ts'
import { blockRows } from '../rows/blocks.ts'
import { observed } from '../program/observe.ts'
import { fuseRows } from '../rows/fuse.ts'
import type { Decided, ScheduleOptions, Scheduler } from './scheduler.ts'
import { ifElse, whileLoop } from './control.ts'
import { convolution } from './products/convolution.ts'
import { decisionTrees } from './decision-trees.ts'
import { dotGeneral } from './products/dot-general.ts'
import { gather } from './gather.ts'
import { scheduleWith } from './graph.ts'
import { iota } from './iota.ts'
import { map } from './map.ts'
import { concatenate, constant, pad, scatter } from './place.ts'
import { reduce, reduceWindow } from './reduce.ts'
import { argreduce, cumulate } from './scan.ts'
import { sort } from './sort.ts'
import { broadcastInDim, reshape, slice, transpose } from './views.ts'

type Rules = { readonly [O in OpName]: (s: Scheduler, node: NodeOf<O>) => void }

/** How each core op becomes kernels; the type checker wants a rule for every one. */
const rules: Rules = {
  input: () => {},
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

function lower<O extends OpName>(s: Scheduler, node: NodeOf<O>): void {
  rules[node.op](s, node)
}

/** The kernels that compute `graph`, each by itself, and the buffers at its boundary. */
export function scheduleApart(graph: Graph, states: readonly State[] = [], options: ScheduleOptions = {}): Program {
  const lowerAt = (s: Scheduler, node: Node): void => {
    try {
      lower(s, node)
    } catch (error) {
      if (error instanceof TypeError) fail('A401', error.message, node.origin && { origin: node.origin })
      throw error
    }
  }
  const program = scheduleWith(graph, lowerAt, states, options)
  observed(program)
  return observed(computeInPlace(program))
}

/** The kernels that compute `graph`, in order, and the buffers at its boundary. */
export const schedule = (graph: Graph, states: readonly State[] = [], options: ScheduleOptions = {}): Program =>
  observed(fuseRows(observed(blockRows(scheduleApart(graph, states, options)))))

/**
 * The programs of one model at several shapes. What form weights have is decided for the largest shape, which takes most time: kernels of
 * the others take them as they are.
 */
export function scheduleEach(
  graphs: readonly Graph[],
  states: readonly (readonly State[])[],
  sparsity: Sparsity = 'speed',
): Program[] {
  const elements = ({ inputs }: Graph): number =>
    inputs.reduce((sum, { value }) => sum + elementCount(value.type.shape), 0)
  const decided: Decided = new Map()
  const options = graphs.length > 1 ? { sparsity, decided } : { sparsity }
  const order = [...graphs.keys()].sort((a, b) => elements(graphs[b]!) - elements(graphs[a]!))
  const programs = new Map(order.map((i) => [i, schedule(graphs[i]!, states[i], options)]))
  return withFusedTiles(graphs.map((_, i) => programs.get(i)!)).map(observed)
}
