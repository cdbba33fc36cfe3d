import { evaluate } from './evaluate.ts'
import type { Graph } from './graph.ts'
import type { Tensor } from './tensor.ts'

/** Outputs by name from inputs by name. The outputs may be views of memory that the next run overwrites. */
export type Run = (inputs: Readonly<Record<string, Tensor>>) => Readonly<Record<string, Tensor>>

/** What runs graphs for a part of the compiler that has to see their results. */
export interface Executor {
  prepare(graph: Graph): Promise<Run>
}

/** The plain and slow one. */
export const evaluator: Executor = {
  prepare: async (graph) => (inputs) => evaluate(graph, inputs),
}
