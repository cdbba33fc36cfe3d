import { bytesOf, kernelName, type Compiled, type KernelReport, type Target, type Tensor } from '../index.ts'
import { arithmetics, limitMs, macsIn, type Macs, type Peaks } from './arithmetic.ts'
import { peakLoops, peakModule } from './peak.ts'
import { median } from './statistics.ts'
import { measurePeaks } from './task.ts'

/** One kernel of a model, timed within runs in this process; `kernel` is what ran. */
export interface Layer extends Omit<KernelReport, 'relaxed' | 'weights' | 'live'> {
  /** Of a run, in milliseconds. */
  readonly medianMs: number
  readonly gmacs: number | null
  /** The share of the median that its multiply-accumulates would take in registers, in the same instructions. */
  readonly ofPeak: number | null
}

export interface LayerBench {
  readonly layers: readonly Layer[]
  /** Median of the whole run, in milliseconds. */
  readonly runMs: number
  readonly macs: Macs
  readonly peaks: Peaks
}

/** How long kernels are timed: first some runs that do not count, for engines compile hot code while it runs. */
export interface LayerEffort {
  readonly warmUpMs: number
  /** What the engine may do in the background before the runs that count. */
  readonly restMs: number
  readonly measuredMs: number
}

const usual: LayerEffort = { warmUpMs: 500, restMs: 500, measuredMs: 1500 }
const [leastWarmUps, leastRuns, mostRuns] = [5, 15, 2000]

/**
 * Times every kernel of a model that was compiled with `instrument`. Kernels run one by one in the model's order, each once
 * in each run, so that they find in memory and caches what they find there in the model; runs of the whole model
 * stand between. What reading the clock takes is taken off.
 */
export async function benchLayers(
  { modules, spec, report }: Compiled,
  target: Target,
  inputs: Readonly<Record<string, Tensor>>,
  { warmUpMs, restMs, measuredMs }: LayerEffort = usual,
): Promise<LayerBench> {
  const { instance } = await WebAssembly.instantiate(modules[target] as BufferSource)
  const { memory, run, ...functions } = instance.exports as { memory: WebAssembly.Memory; run: () => void } & Record<
    string,
    unknown
  >
  const kernels = report.kernels.flatMap((kernel, i) => {
    const call = functions[`kernel${i}`] as (() => void) | undefined
    return call ? [{ kernel, call, times: [] as number[] }] : []
  })
  const writeInputs = (): void => {
    for (const { name, address } of spec.inputs) new Uint8Array(memory.buffer).set(bytesOf(inputs[name]!), address)
  }
  const runTimes: number[] = []
  const clockTimes: number[] = []
  const turn = (): void => {
    writeInputs()
    runTimes.push(timeOf(run))
    writeInputs()
    for (const { call, times } of kernels) times.push(timeOf(call))
    clockTimes.push(timeOf(() => {}))
  }
  repeat(turn, warmUpMs, leastWarmUps, Infinity)
  await new Promise((resolve) => setTimeout(resolve, restMs))
  for (const times of [runTimes, clockTimes, ...kernels.map((k) => k.times)]) times.length = 0
  repeat(turn, measuredMs, leastRuns, mostRuns)
  /** A nanosecond at least, so that speeds are numbers. */
  const medianOf = (times: readonly number[]): number => Math.max(1e-6, median(times) - median(clockTimes))

  const used = arithmetics.filter((kind) => macsIn(report, target)[kind] > 0)
  const loops = peakLoops.filter(({ relaxed }) => !relaxed || target === 'relaxed-simd')
  const peaks = await measurePeaks(loops, used, (loop) => WebAssembly.compile(peakModule(loop) as BufferSource))
  const exact = peaks.dot !== undefined
  const layers = kernels.map(({ kernel: { relaxed, weights: _, live: __, ...kernel }, times }): Layer => {
    const medianMs = medianOf(times)
    const taken = relaxed !== undefined && (kernel.dotMacs === 0 || exact)
    const name = taken ? kernelName({ ...kernel, relaxed }, target) : kernel.kernel
    const perMs = (value: number): number | null => (kernel.macs > 0 ? value / medianMs : null)
    return {
      ...kernel,
      kernel: name,
      medianMs,
      gmacs: perMs(kernel.macs / 1e6),
      ofPeak: perMs(limitMs(macsIn(kernel, target, exact), peaks)),
    }
  })
  return { layers, runMs: medianOf(runTimes), macs: macsIn(report, target, exact), peaks }
}

function timeOf(call: () => void): number {
  const start = performance.now()
  call()
  return performance.now() - start
}

function repeat(turn: () => void, ms: number, least: number, most: number): void {
  const end = performance.now() + ms
  for (let i = 0; i < least || (i < most && performance.now() < end); i++) turn()
}
