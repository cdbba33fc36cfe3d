import type { TypedArray } from './scalar/dtype.ts'
import { evaluate } from './evaluate.ts'
import type { Graph } from './graph.ts'
import { zeros, type Tensor } from './tensor.ts'

/** Outputs by name from inputs by name. The outputs may be views of memory that the next run overwrites. */
export type Run = (inputs: Readonly<Record<string, Tensor>>) => Readonly<Record<string, Tensor>>

/** What runs graphs for a part of the compiler that has to see their results. */
export interface Executor {
  prepare(graph: Graph): Promise<Run>
  /** A graph with memory: `state` names inputs that stay between runs, and the output that each becomes. */
  instantiate(
    graph: Graph,
    state: Readonly<Record<string, string>>,
    start: Readonly<Record<string, Tensor>>,
  ): Promise<Instance>
}

/** An executor that runs several instances of one program at a time, `workers` of them. */
export interface ParallelExecutor extends Executor {
  readonly workers: number
  /** Such instances, each in memory of its own; `instantiate` gives one alone. */
  replicate(
    graph: Graph,
    state: Readonly<Record<string, string>>,
    start: Readonly<Record<string, Tensor>>,
  ): Promise<readonly Replica[]>
}

/** Outputs that are no states, by name. */
export type Outputs = Readonly<Record<string, TypedArray>>

/** An instance whose run may end later: until then its inputs and states belong to it. */
export interface Replica extends Omit<Instance, 'run'> {
  run(): Outputs | Promise<Outputs>
}

/** A graph that can be run over and over, in memory of its own. */
export interface Instance {
  /** Views of the inputs that are no states, to be written before each run. */
  readonly inputs: Readonly<Record<string, TypedArray>>
  /** Views of the states; they may be read and written between runs. */
  readonly state: Readonly<Record<string, TypedArray>>
  /** Computes the outputs that are no states; the views are valid until the next run. */
  run(): Outputs
  /** Bytes of memory, and the fewest that what is alive at one time takes; undefined where there is no plan. */
  readonly memory?: { readonly arena: number; readonly leastArena: number; readonly state: number }
}

/** The plain and slow one. */
export const evaluator: Executor = {
  prepare: async (graph) => (inputs) => evaluate(graph, inputs),
  instantiate: async (graph, state, start) => {
    const tensors = Object.fromEntries(
      graph.inputs.map(({ name, value: { type } }) => [name, zeros(type.dtype, type.shape)] as const),
    )
    for (const [name, { data }] of Object.entries(start)) tensors[name]!.data.set(data as never)
    const all = Object.entries(tensors).map(([name, { data }]) => [name, data] as const)
    const next = new Set(Object.values(state))
    return {
      inputs: Object.fromEntries(all.filter(([name]) => !Object.hasOwn(state, name))),
      state: Object.fromEntries(all.filter(([name]) => Object.hasOwn(state, name))),
      run() {
        const outputs = evaluate(graph, tensors)
        for (const [input, output] of Object.entries(state)) tensors[input]!.data.set(outputs[output]!.data as never)
        const shown = Object.entries(outputs).filter(([name]) => !next.has(name))
        return Object.fromEntries(shown.map(([name, { data }]) => [name, data]))
      },
    }
  },
}
