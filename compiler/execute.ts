import type { TypedArray } from './core/scalar/dtype.ts'
import type { Executor, Instance, ParallelExecutor } from './core/executor.ts'
import { compileGraph } from './pipeline.ts'
import { instantiate } from '../runtime/index.ts'

/** A program that is compiled and not yet in any memory. */
export async function compileProgram(...[graph, state, stateStart]: Parameters<Executor['instantiate']>) {
  const { modules, spec, report } = await compileGraph(graph, { targets: ['simd'], state, stateStart })
  const memory = { arena: report.arena, leastArena: report.arenaLowerBound, state: report.state }
  return { module: new WebAssembly.Module(modules.simd! as BufferSource), spec, memory }
}

export type Program = Awaited<ReturnType<typeof compileProgram>>

export function instanceOf({ module, spec, memory }: Program): Instance {
  const model = instantiate(module, spec)
  return {
    inputs: model.inputs,
    state: model.state as Readonly<Record<string, TypedArray>>,
    run: () => model.run() as Readonly<Record<string, TypedArray>>,
    memory,
  }
}

/**
 * Runs graphs as what they compile to, by the runtime that ships to the user. It is the baseline on every engine: fused
 * multiply-adds would give other ranges, and so other bytes, where there is relaxed SIMD.
 */
export const compiledExecutor: ParallelExecutor = {
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
  instantiate: async (graph, state, start) => instanceOf(await compileProgram(graph, state, start)),
  workers: 1,
  replicate: async (graph, state, start) => [instanceOf(await compileProgram(graph, state, start))],
}
