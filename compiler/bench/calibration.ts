import { peakLoops } from './peak.ts'
import type { Peer } from './peers/index.ts'
import type { EngineContext, System } from './task.ts'

/** Multiply-adds of f32 lanes in one run of the calibration loop. */
export const calibrationMacs = 1_000_000

interface Settings {
  /** Of the loop's module in the job: `bench` brings it there. */
  readonly file: string
  readonly operands: readonly [x: number, y: number]
  readonly iterations: number
}

/**
 * A loop of a million multiply-adds that never leave the registers, in baseline SIMD, to be measured beside a model and in
 * turns with it: a model's time over the loop's depends on the model and the engine, and little on how fast the machine is just then. Its
 * cold start is a warm run in a fresh process.
 */
export function calibration(): Peer {
  const { file, operands, macsPerIteration } = peakLoops[0]!
  const settings: Settings = { file, operands, iterations: Math.round(calibrationMacs / macsPerIteration) }
  return {
    ...{ name: 'calibration', inPages: false, start: startCalibration, settings, paths: {} },
    bytes: () => Promise.resolve({ raw: 0, gzip: 0, brotli: 0 }),
  }
}

/** Runs inside the engine and refers to nothing outside. */
async function startCalibration(argument: unknown, { files, bytesOf }: EngineContext): Promise<System> {
  const { file, operands, iterations } = argument as Settings
  const found = files[file]!
  const module = typeof found === 'string' ? await WebAssembly.compile(await bytesOf(found)) : found
  const { run } = (await WebAssembly.instantiate(module)).exports as {
    run: (x: number, y: number, iterations: number) => number
  }
  /** Mean milliseconds of a run, over so many that coarse clocks tell. */
  const over = (ms: number): number => {
    const begin = performance.now()
    let count = 0
    while (performance.now() - begin < ms) {
      run(...operands, iterations)
      count++
    }
    return (performance.now() - begin) / count
  }
  // Engines put optimised code in place between calls, some only when the thread is idle.
  for (let i = 0; i < 5; i++) {
    over(20)
    await new Promise((done) => setTimeout(done, 5))
  }
  const ms = over(50)
  return {
    start: { fetchMs: null, compileMs: null, instantiateMs: 0, firstRunMs: ms, coldStartMs: ms },
    run: () => run(...operands, iterations),
    outputs: () => Promise.resolve([]),
    memoryBytes: () => null,
  }
}
