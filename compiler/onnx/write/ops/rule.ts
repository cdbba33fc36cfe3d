import type { Graph, NodeOf } from '../../../core/graph.ts'
import type { OpName } from '../../../core/ops/index.ts'
import type { Emitter } from '../emitter.ts'
import type { Edge } from '../graph.ts'

/** Writes a region's nodes with `e` and gives its outputs. */
export type EmitRegion = (e: Emitter, region: Graph, inputs: readonly Edge[]) => readonly Edge[]

/** The results of a core node as edges, from those of its operands. */
export type Rule<O extends OpName> = (
  e: Emitter,
  node: NodeOf<O>,
  operands: readonly Edge[],
  emitRegion: EmitRegion,
) => readonly Edge[]
