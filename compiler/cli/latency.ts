import type { Compiled } from '../index.ts'

/** Runs of which the median counts. */
const timedRuns = 101

/** Milliseconds of a run of the module for every engine, on random inputs in this process. */
export async function latencyOf({ modules, spec }: Pick<Compiled, 'modules' | 'spec'>): Promise<number> {
  const { instantiate } = await import('../index.ts')
  const { randomInputs } = await import('../data/index.ts')
  const model = instantiate(new WebAssembly.Module(modules.simd! as BufferSource), spec)
  const inputs = Object.fromEntries(
    Object.entries(randomInputs(spec.inputs, 1)).map(([name, { data }]) => [name, data]),
  )
  const times = Array.from({ length: timedRuns }, () => {
    const start = performance.now()
    model.run(inputs)
    return performance.now() - start
  })
  return times.sort((a, b) => a - b)[timedRuns >> 1]!
}
