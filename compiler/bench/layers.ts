import type { Compiled, KernelReport, Target } from '../index.ts'
import { median } from './statistics.ts'

/** One kernel of a model, timed apart from the others, in this process. */
export interface Layer extends KernelReport {
  /** Median of one call, in milliseconds. */
  readonly medianMs: number
  readonly gmacs: number | null
}

/** Calls that are timed as one: a kernel may take less than the clock resolves. */
const calls = 20
const samples = 40
const warmUps = 200

function medianOf(run: () => void): number {
  const times = Array.from({ length: samples }, () => {
    const start = performance.now()
    for (let i = 0; i < calls; i++) run()
    return (performance.now() - start) / calls
  })
  return median(times)
}

/** Times every kernel of a model that was compiled with `instrument`; also the whole run, in milliseconds. */
export async function benchLayers(
  { modules, report }: Compiled,
  target: Target,
): Promise<{ readonly layers: readonly Layer[]; readonly runMs: number }> {
  const { instance } = await WebAssembly.instantiate(modules[target] as BufferSource)
  const functions = instance.exports as Record<string, () => void>
  const run = functions['run']!
  for (let i = 0; i < warmUps; i++) run()
  // Engines compile hot code in the background.
  await new Promise((resolve) => setTimeout(resolve, 500))
  const runMs = medianOf(run)
  const layers = report.kernels.flatMap((kernel, i): Layer[] => {
    const call = functions[`kernel${i}`]
    if (!call) return []
    const medianMs = medianOf(call)
    return [{ ...kernel, medianMs, gmacs: kernel.macs > 0 ? kernel.macs / medianMs / 1e6 : null }]
  })
  return { layers, runMs }
}
