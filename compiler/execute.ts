import type { TypedArray } from './core/dtype.ts'
import type { Executor } from './core/executor.ts'
import { compileGraph } from './pipeline.ts'
import { instantiate } from '../runtime/index.ts'

/**
 * Runs graphs as what they compile to, by the runtime that ships to the user. It is the baseline on every engine: fused
 * multiply-adds would give other ranges, and so other bytes, where there is relaxed SIMD.
 */
export const compiledExecutor: Executor = {
  prepare: async (graph) => {
    const { modules, spec } = await compileGraph(graph, { targets: ['simd'] })
    const model = instantiate(new Uint8Array(modules.simd!), spec)
    return (inputs) => {
      const values = spec.inputs.map(({ name }) => [name, inputs[name]!.data] as const)
      const results = model.run(Object.fromEntries(values))
      // A graph's outputs are numbers: labels come with a model's names, which are not given here.
      const tensors = spec.outputs.map(
        ({ name, dtype, shape }) => [name, { dtype, shape, data: results[name] as TypedArray }] as const,
      )
      return Object.fromEntries(tensors)
    }
  },
  instantiate: async (graph, state, stateStart) => {
    const { modules, spec, report } = await compileGraph(graph, { targets: ['simd'], state, stateStart })
    const model = instantiate(new Uint8Array(modules.simd!), spec)
    return {
      inputs: model.inputs,
      state: model.state as Readonly<Record<string, TypedArray>>,
      run: () => model.run() as Readonly<Record<string, TypedArray>>,
      memory: { arena: report.arena, leastArena: report.arenaLowerBound, state: report.state },
    }
  },
}
