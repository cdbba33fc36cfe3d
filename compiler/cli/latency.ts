import type { Compiled } from '../index.ts'

/** Runs of which the median counts, and the time before them in which engines compile hot code. */
const [timedRuns, warmUpMs, fewestWarmUps] = [101, 200, 20]

/**
 * Milliseconds of a run of each module for every engine, on random inputs in this process. Their runs stand in turns, so that what else
 * the machine does slows all alike.
 */
export async function latenciesOf(modules: readonly Pick<Compiled, 'modules' | 'spec'>[]): Promise<readonly number[]> {
  const { instantiate } = await import('../index.ts')
  const { randomInputs } = await import('../data/index.ts')
  const timed = modules.map(({ modules, spec }) => {
    const model = instantiate(new WebAssembly.Module(modules.simd! as BufferSource), spec)
    const inputs = Object.fromEntries(
      Object.entries(randomInputs(spec.inputs, 1)).map(([name, { data }]) => [name, data]),
    )
    const time = (): number => {
      const start = performance.now()
      model.run(inputs)
      return performance.now() - start
    }
    return { time, times: [] as number[] }
  })
  const end = performance.now() + warmUpMs
  for (let i = 0; i < fewestWarmUps || performance.now() < end; i++) timed.forEach(({ time }) => time())
  for (let i = 0; i < timedRuns; i++) timed.forEach(({ time, times }) => times.push(time()))
  return timed.map(({ times }) => times.sort((a, b) => a - b)[timedRuns >> 1]!)
}
