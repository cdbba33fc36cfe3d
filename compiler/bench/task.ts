import type { Target } from '../index.ts'
import type { Arithmetic, Peaks } from './arithmetic.ts'
import type { Files, ModelScript, NumberArray } from './engines/index.ts'
import type { PeakLoop } from './peak.ts'

export type { NumberArray } from './engines/index.ts'

/** Names of the files that a job brings into the engine. */
export const moduleFiles: Readonly<Record<Target, string>> = {
  simd: 'model.wasm',
  'relaxed-simd': 'model.relaxed.wasm',
}

/** A tensor in JSON; the data are bytes in base64. */
export interface Value {
  readonly name: string
  /** Constructor of the typed array. */
  readonly array: string
  readonly base64: string
  /** As onnxruntime-web names it. */
  readonly type: string
  readonly shape: readonly number[]
}

export interface Payload {
  readonly moduleFiles: typeof moduleFiles
  /** What the module of each target computes with. */
  readonly arithmetics: Readonly<Record<Target, readonly Arithmetic[]>>
  readonly peakLoops: readonly PeakLoop[]
  readonly inputs: readonly Value[]
  /** Names of the outputs. */
  readonly outputs: readonly string[]
  /** Types of the outputs, which may be floats of 16 bits by their bits. */
  readonly dtypes: readonly string[]
  /** What the starters of these peers are given. */
  readonly peers: readonly { readonly name: string; readonly settings: unknown }[]
  /** Where a run is a step of training. */
  readonly training: TrainingSteps | null
  /** Only start this system. */
  readonly start: string | null
  /** Samples to take, fewer if they take longer than `patienceMs`. */
  readonly runs: number
  readonly warmUpMs: number
  readonly patienceMs: number
}

/** Every sample starts where training does, so that its steps are real ones however many there are. */
export interface TrainingSteps {
  /** Inputs that differ from step to step: those of the first ones. All further steps get the last. */
  readonly scalars: readonly Readonly<Record<string, number>>[]
}

/** In a fresh process, from a model's bytes in memory to its first result. */
export interface Start {
  /** Before that: reading the files, from this machine or a server on it. Null where the engine does it ahead of time. */
  readonly fetchMs: number | null
  /** Null where the engine compiles ahead of time, and for peers. */
  readonly compileMs: number | null
  /** Of peers: creating the session, their engine's compilation included. */
  readonly instantiateMs: number
  readonly firstRunMs: number
  readonly coldStartMs: number
}

export interface Samples {
  /** Milliseconds per run. */
  readonly ms: readonly number[]
  /** How many runs one sample is the mean of, since the engine's clock is coarse. */
  readonly runsPerSample: number
  /** WebAssembly memory after all runs; it never shrinks. Null where a peer has none, or does not tell. */
  readonly memoryBytes: number | null
  /** Which of its parts a peer computed with, where it has several. */
  readonly variant?: string | undefined
}

export interface PeerSamples extends Samples {
  /** The largest difference of an output element from attar's; null where attar's are not numbers. */
  readonly difference: number | null
  /** The largest magnitude among attar's outputs. */
  readonly magnitude: number
}

export interface Measured {
  readonly variant: Target
  readonly attar: Samples
  /** In the payload's order. Sample i was taken right after attar's sample i. */
  readonly peers: readonly PeerSamples[]
  /** Of f32 and of what the module computes with. Where the engine's relaxed dot product is inexact, of i16 in its place. */
  readonly peaks: Peaks
}

/** A started system. */
export interface System {
  readonly start: Start
  /** A promise if it is asynchronous. */
  run(): unknown
  /** In training, back to its start; outside of measured time. */
  restart?(): void
  /** Those of a run, in the payload's order. Of training, the losses of the steps that have scalars of their own. */
  outputs(): Promise<readonly NumberArray[]>
  memoryBytes(): number | null
  readonly variant?: string
}

/** What a peer's starter is given inside the engine: it can refer to nothing else. */
export interface EngineContext {
  readonly inputs: readonly Value[]
  readonly outputs: readonly string[]
  readonly training: TrainingSteps | null
  readonly files: Files
  /** `import`, which bundlers would replace. */
  load(url: string): Promise<unknown>
  bytesOf(url: string): Promise<Uint8Array<ArrayBuffer>>
  decode(value: Value): NumberArray
  timed<T>(work: () => T | Promise<T>): Promise<{ result: T; ms: number }>
}

export type Starter = (settings: unknown, context: EngineContext) => Promise<System>

type Import = (url: string) => Promise<unknown>

/**
 * The job's script: starts one system, or measures all in turns. An ES module without imports, so that these functions'
 * texts stand in it and they refer to nothing but each other; `import` comes as a parameter, since bundlers replace it.
 */
export const taskScript = (starters: Readonly<Record<string, Starter>>): string =>
  [
    ...[decode, bytesOf, compiled, startAttar, difference, numbersOf, clockStep, timed, settle, sample, measure],
    ...[measurePeaks, measurePeak, isExact],
    `const starters = { ${Object.entries(starters).map(([name, start]) => `${JSON.stringify(name)}: ${start}`)} }`,
    'export default (model, payload, files) => measure(model, payload, files, starters, (url) => import(url))',
  ].join('\n')

async function measure(
  script: ModelScript,
  payload: Payload,
  files: Files,
  starters: Readonly<Record<string, Starter>>,
  load: Import,
): Promise<Start | Measured> {
  const { inputs, outputs, training } = payload
  const startPeer = ({ name, settings }: Payload['peers'][number]): Promise<System> =>
    starters[name]!(settings, { inputs, outputs, training, files, load, bytesOf, decode, timed })
  const own = Object.fromEntries(inputs.map((value) => [value.name, decode(value)]))
  // Engines optimise the loop in there beside this thread; what they start next should not wait for it.
  await new Promise((done) => setTimeout(done, 100))
  const alone = payload.peers.find(({ name }) => name === payload.start)
  if (alone) return (await startPeer(alone)).start
  const attar = await startAttar(script, payload, files, own)
  if (payload.start !== null) return attar.start
  const peers: System[] = []
  for (const peer of payload.peers) peers.push(await startPeer(peer))
  const systems = [attar, ...peers]
  const counts = await settle(systems, payload)
  const samples: number[][] = systems.map(() => [])
  const deadline = performance.now() + payload.patienceMs
  for (let i = 0; i < payload.runs && (i === 0 || performance.now() < deadline); i++) {
    for (const [s, system] of systems.entries()) samples[s]!.push(await sample(system, counts[s]!))
  }
  const loops = payload.peakLoops.filter(({ relaxed }) => !relaxed || script.target === 'relaxed-simd')
  const peaks = await measurePeaks(loops, payload.arithmetics[attar.variant], ({ file }) => compiled(files[file]!))
  const [attarSamples, ...peerSamples] = systems.map((system, s): Samples => ({
    ms: samples[s]!,
    runsPerSample: counts[s]!,
    memoryBytes: system.memoryBytes(),
    variant: system.variant,
  }))
  const results = await attar.outputs()
  const differences = await Promise.all(
    peers.map(async (peer) => difference(results, await peer.outputs(), payload.dtypes)),
  )
  return {
    variant: attar.variant,
    attar: attarSamples!,
    peers: peerSamples.map((each, i) => ({ ...each, ...differences[i]! })),
    peaks,
  }
}

/** How far a peer's outputs are from attar's. */
export function difference(
  own: readonly NumberArray[],
  others: readonly NumberArray[],
  dtypes: readonly string[],
): Pick<PeerSamples, 'difference' | 'magnitude'> {
  let most = 0
  let magnitude = 0
  for (const [i, array] of own.entries()) {
    const values = others[i] && numbersOf(others[i], dtypes[i])
    const mine = numbersOf(array, dtypes[i])
    const same =
      values && values[Symbol.toStringTag] === mine[Symbol.toStringTag] && values.byteLength === mine.byteLength
    if (!same) return { difference: null, magnitude: 0 }
    const [a, b] = [mine, values] as unknown as readonly ArrayLike<number | bigint>[]
    for (let j = 0; j < a!.length; j++) {
      const [x, y] = [Number(a![j]), Number(b![j])]
      magnitude = Math.max(magnitude, Math.abs(x))
      if (Object.is(x, y)) continue
      most = Math.max(most, Number.isNaN(x - y) ? Infinity : Math.abs(x - y))
    }
  }
  return { difference: Number.isFinite(most) ? most : Number.MAX_VALUE, magnitude }
}

/** Floats of 16 bits by their values: engines that have Float16Array give them so, others their bits. */
function numbersOf(array: NumberArray, dtype: string | undefined): NumberArray {
  if (dtype !== 'f16' || array[Symbol.toStringTag] !== 'Uint16Array')
    return (array[Symbol.toStringTag] as string) === 'Float16Array' ? Float32Array.from(array as Float32Array) : array
  return Float32Array.from(array as Uint16Array, (bits) => {
    const [exponent, fraction] = [(bits >> 10) & 31, bits & 1023]
    const size =
      exponent === 31
        ? fraction > 0
          ? NaN
          : Infinity
        : exponent === 0
          ? fraction * 2 ** -24
          : (1024 + fraction) * 2 ** (exponent - 25)
    return bits >> 15 ? -size : size
  })
}

/** Runs all in turns, so that the engine optimises them; gives the number of runs whose time the clock resolves to 2 %. */
async function settle(
  systems: readonly System[],
  { warmUpMs, patienceMs }: Pick<Payload, 'warmUpMs' | 'patienceMs'>,
): Promise<number[]> {
  const leastMs = 50 * clockStep()
  const counts = systems.map(() => 1)
  const start = performance.now()
  const spent = (): number => performance.now() - start
  const isEnough = (turn: number): boolean =>
    (turn >= 5 && spent() >= warmUpMs * systems.length) || (turn > 0 && spent() >= Math.max(patienceMs / 4, warmUpMs))
  for (let turn = 0; !isEnough(turn); turn++) {
    for (const [s, system] of systems.entries()) {
      const elapsed = (await sample(system, counts[s]!)) * counts[s]!
      // Runs become faster while they warm up, so the count may still grow.
      if (elapsed < leastMs) counts[s] = Math.ceil(counts[s]! * Math.min(10, Math.max(1.2, leastMs / elapsed)))
    }
  }
  return counts
}

/** Mean milliseconds of `count` runs. */
async function sample(system: System, count: number): Promise<number> {
  system.restart?.()
  const start = performance.now()
  for (let i = 0; i < count; i++) {
    const result = system.run()
    // Even an `await` of what is no promise costs a turn.
    if (result instanceof Promise) await result
  }
  return (performance.now() - start) / count
}

/** The smallest step of the engine's clock, in milliseconds. */
function clockStep(): number {
  let least = Infinity
  for (let i = 0; i < 20; i++) {
    const start = performance.now()
    let now = start
    while (now === start) now = performance.now()
    least = Math.min(least, now - start)
  }
  return least
}

async function timed<T>(work: () => T | Promise<T>): Promise<{ result: T; ms: number }> {
  const start = performance.now()
  const result = await work()
  return { result, ms: performance.now() - start }
}

async function startAttar(
  script: ModelScript,
  payload: Payload,
  files: Files,
  inputs: Readonly<Record<string, NumberArray>>,
): Promise<System & { readonly variant: Target }> {
  const other = script.target === 'simd' ? 'relaxed-simd' : 'simd'
  const variant = files[payload.moduleFiles[script.target]] === undefined ? other : script.target
  const file = files[payload.moduleFiles[variant]]!
  const fetched = await timed(() => (typeof file === 'string' ? bytesOf(file) : null))
  const bytes = fetched.result
  const begin = performance.now()
  const compilation = await timed(() => (bytes ? WebAssembly.compile(bytes) : (file as WebAssembly.Module)))
  const instance = await timed(() => script.load(compilation.result))
  const model = instance.result
  const scalars = (payload.training?.scalars ?? []).map((values) =>
    Object.fromEntries(Object.entries(values).map(([name, value]) => [name, Float32Array.of(value)])),
  )
  let step = 0
  const run = (): Readonly<Record<string, NumberArray>> =>
    scalars.length === 0
      ? model.run(inputs)
      : model.run({ ...inputs, ...scalars[Math.min(step++, scalars.length - 1)] })
  // Others are given what states start as.
  const restart = (): void => {
    model.reset?.()
    step = 0
  }
  const first = await timed(run)
  const coldStartMs = performance.now() - begin
  return {
    variant,
    start: {
      fetchMs: bytes ? fetched.ms : null,
      compileMs: bytes ? compilation.ms : null,
      instantiateMs: instance.ms,
      firstRunMs: first.ms,
      coldStartMs,
    },
    run,
    ...(payload.training && { restart }),
    outputs: () => {
      restart()
      if (scalars.length > 0) {
        const lossOf = (): number => (run()[payload.outputs[0]!] as Float32Array)[0]!
        return Promise.resolve([Float32Array.from(scalars, lossOf)])
      }
      const results = run()
      return Promise.resolve(payload.outputs.map((name) => results[name]!))
    },
    memoryBytes: () => Object.values({ ...first.result, ...model.state })[0]?.buffer.byteLength ?? 0,
  }
}

/** The peaks of f32 and of `wanted`; where the relaxed dot product is wanted and inexact, of i16 in its place. */
export async function measurePeaks(
  loops: readonly PeakLoop[],
  wanted: readonly Arithmetic[],
  moduleOf: (loop: PeakLoop) => WebAssembly.Module | Promise<WebAssembly.Module>,
): Promise<Peaks> {
  const peaks: Partial<Record<Arithmetic, number>> = {}
  let inexact = false
  for (const loop of loops) {
    const { arithmetic } = loop
    const needed = arithmetic === 'f32' || wanted.includes(arithmetic) || (arithmetic === 'i16' && inexact)
    if (!needed) continue
    const { run } = (await WebAssembly.instantiate(await moduleOf(loop))).exports as { run: PeakRun }
    if (arithmetic === 'dot' && !isExact(run)) inexact = true
    else peaks[arithmetic] = Math.max(peaks[arithmetic] ?? 0, measurePeak(loop, run))
  }
  return peaks as Peaks
}

type PeakRun = (x: number, y: number, iterations: number) => number

/**
 * Whether the engine takes the relaxed dot product's second operand beyond 7 bits as unsigned or as signed, and does not
 * saturate, as models' modules need it. `run` is the dot product's loop.
 */
function isExact(run: PeakRun): boolean {
  const chains = run(1, 0, 1) // each one's lane remains 1
  const splat = (byte: number): number => (byte & 255) * 0x01010101
  return [255, -1].some((second) =>
    [127, -128].every((first) => {
      const expected = chains * (splat(first) + 4 * first * second)
      return run(splat(first) | 0, -1, 1) === (expected | 0)
    }),
  )
}

/** 10⁹ multiply-accumulates per second: the best of many short calls, since engines optimise only between calls. */
function measurePeak({ operands: [x, y], macsPerIteration }: PeakLoop, run: PeakRun): number {
  const iterations = 50_000
  const calls = Math.ceil((50 * clockStep()) / 0.1) // at least 0.1 ms each on machines of the 2020s
  let best = Infinity
  const end = performance.now() + 500
  for (let turn = 0; turn < 10 || performance.now() < end; turn++) {
    const start = performance.now()
    for (let i = 0; i < calls; i++) run(x, y, iterations)
    best = Math.min(best, performance.now() - start)
  }
  return (calls * iterations * macsPerIteration) / best / 1e6
}

async function compiled(file: string | WebAssembly.Module): Promise<WebAssembly.Module> {
  return typeof file === 'string' ? WebAssembly.compile(await bytesOf(file)) : file
}

function decode({ array, base64 }: Value): NumberArray {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))
  const constructor = Reflect.get(globalThis, array) as new (buffer: ArrayBuffer) => NumberArray
  return new constructor(bytes.buffer)
}

async function bytesOf(url: string): Promise<Uint8Array<ArrayBuffer>> {
  // Node's fetch knows no file:.
  if (!url.startsWith('file:')) return new Uint8Array(await (await fetch(url)).arrayBuffer())
  return new Uint8Array(process.getBuiltinModule('node:fs').readFileSync(new URL(url)))
}
