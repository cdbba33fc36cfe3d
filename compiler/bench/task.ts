import type { Target } from '../index.ts'
import type { Files, ModelScript, NumberArray } from './engines/index.ts'

/** Names of the files that a job brings into the engine. */
export const moduleFiles: Readonly<Record<Target, string>> = {
  simd: 'model.wasm',
  'relaxed-simd': 'model.relaxed.wasm',
}
export const peakFiles: Readonly<Record<Target, string>> = { simd: 'peak.wasm', 'relaxed-simd': 'peak.relaxed.wasm' }

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

/** Files of onnxruntime-web and of the model that it runs, by their names in the job. */
export interface PeerFiles {
  readonly script: string
  readonly loader: string
  readonly wasm: string
  readonly model: string
  /** Names that the model gives its external data, with the names in the job. */
  readonly external: Readonly<Record<string, string>>
}

export interface Payload {
  readonly moduleFiles: typeof moduleFiles
  readonly peakFiles: typeof peakFiles
  readonly inputs: readonly Value[]
  /** Inputs that are constants in the module; the peer is given them. */
  readonly bound: readonly Value[]
  readonly peer: PeerFiles | null
  /** Only start this system. */
  readonly start: 'attar' | 'peer' | null
  /** Samples to take, fewer if they take longer than `patienceMs`. */
  readonly runs: number
  readonly warmUpMs: number
  readonly patienceMs: number
  readonly macsPerIteration: number
}

/** In a fresh process, from a model's bytes in memory to its first result. */
export interface Start {
  /** Null where the engine compiles ahead of time, and for the peer. */
  readonly compileMs: number | null
  /** Of the peer: creating the session, its engine's compilation included. */
  readonly instantiateMs: number
  readonly firstRunMs: number
  readonly coldStartMs: number
}

export interface Samples {
  /** Milliseconds per run. */
  readonly ms: readonly number[]
  /** How many runs one sample is the mean of, since the engine's clock is coarse. */
  readonly runsPerSample: number
  /** WebAssembly memory after all runs; it never shrinks. */
  readonly memoryBytes: number
}

export interface Measured {
  readonly variant: Target
  readonly attar: Samples
  /** Sample i was taken right after attar's sample i. */
  readonly peer: Samples | null
  /** f32 multiply-accumulates per second that a loop in registers reaches, in 10⁹. */
  readonly peakGmacs: number
}

/** A started system. */
interface System {
  readonly start: Start
  /** A promise if it is asynchronous. */
  run(): unknown
  memoryBytes(): number
}

type Import = (url: string) => Promise<unknown>

/**
 * The job's script: starts one system, or measures both in turns. An ES module without imports, so that these functions'
 * texts stand in it and they refer to nothing but each other; `import` comes as a parameter, since bundlers replace it.
 */
export const taskScript = (): string =>
  [
    ...[decode, bytesOf, compiled, startAttar, startPeer, clockStep, timed, settle, sample, measurePeak, measure],
    'export default (model, payload, files) => measure(model, payload, files, (url) => import(url))',
  ].join('\n')

async function measure(script: ModelScript, payload: Payload, files: Files, load: Import): Promise<Start | Measured> {
  if (payload.start === 'peer') return (await startPeer(payload, files, load)).start
  const attar = await startAttar(script, payload, files)
  if (payload.start === 'attar') return attar.start
  const peer = payload.peer ? await startPeer(payload, files, load) : null
  const systems = peer ? [attar, peer] : [attar]
  const counts = await settle(systems, payload.warmUpMs)
  const samples: number[][] = systems.map(() => [])
  const deadline = performance.now() + payload.patienceMs
  for (let i = 0; i < payload.runs && (i === 0 || performance.now() < deadline); i++) {
    for (const [s, system] of systems.entries()) samples[s]!.push(await sample(system, counts[s]!))
  }
  // Firefox has a slower fused multiply-add than its multiplication and addition on some machines, so not only the best target's.
  const peaks: number[] = []
  for (const target of script.target === 'simd' ? (['simd'] as const) : (['simd', 'relaxed-simd'] as const)) {
    peaks.push(await measurePeak(payload, files[payload.peakFiles[target]]!))
  }
  const [attarSamples, peerSamples] = systems.map((system, s): Samples => ({
    ms: samples[s]!,
    runsPerSample: counts[s]!,
    memoryBytes: system.memoryBytes(),
  }))
  return {
    variant: attar.variant,
    attar: attarSamples!,
    peer: peerSamples ?? null,
    peakGmacs: Math.max(...peaks),
  }
}

/** Runs all in turns, so that the engine optimises them; gives the number of runs whose time the clock resolves to 2 %. */
async function settle(systems: readonly System[], warmUpMs: number): Promise<number[]> {
  const leastMs = 50 * clockStep()
  const counts = systems.map(() => 1)
  const end = performance.now() + warmUpMs * systems.length
  for (let turn = 0; turn < 5 || performance.now() < end; turn++) {
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
): Promise<System & { readonly variant: Target }> {
  const other = script.target === 'simd' ? 'relaxed-simd' : 'simd'
  const variant = files[payload.moduleFiles[script.target]] === undefined ? other : script.target
  const file = files[payload.moduleFiles[variant]]!
  const inputs = Object.fromEntries(payload.inputs.map((value) => [value.name, decode(value)]))
  const bytes = typeof file === 'string' ? await bytesOf(file) : null
  const begin = performance.now()
  const compilation = await timed(() => (bytes ? WebAssembly.compile(bytes) : (file as WebAssembly.Module)))
  const instance = await timed(() => script.load(compilation.result))
  const model = instance.result
  const first = await timed(() => model.run(inputs))
  const coldStartMs = performance.now() - begin
  return {
    variant,
    start: {
      compileMs: bytes ? compilation.ms : null,
      instantiateMs: instance.ms,
      firstRunMs: first.ms,
      coldStartMs,
    },
    run: () => model.run(inputs),
    memoryBytes: () => Object.values(first.result)[0]?.buffer.byteLength ?? 0,
  }
}

/** The part of onnxruntime-web's interface that is used here. */
interface Ort {
  readonly env: {
    logLevel: string
    readonly wasm: { numThreads: number; wasmBinary: ArrayBuffer; wasmPaths: { mjs: string } }
  }
  readonly Tensor: new (type: string, data: NumberArray, dims: readonly number[]) => unknown
  readonly InferenceSession: {
    create(
      model: Uint8Array,
      options: { executionProviders: string[]; externalData: { path: string; data: Uint8Array }[] },
    ): Promise<{ run(feeds: Readonly<Record<string, unknown>>): Promise<unknown> }>
  }
}

async function startPeer(payload: Payload, files: Files, load: Import): Promise<System> {
  const url = (name: string): string => files[name] as string
  const peer = payload.peer!
  const memories: WebAssembly.Memory[] = []
  const Memory = WebAssembly.Memory
  // It makes its memory in its script and gives no access to it.
  WebAssembly.Memory = class extends Memory {
    constructor(descriptor: WebAssembly.MemoryDescriptor) {
      super(descriptor)
      memories.push(this)
    }
  }
  const ort = (await load(url(peer.script))) as Ort
  const [model, wasm] = await Promise.all([bytesOf(url(peer.model)), bytesOf(url(peer.wasm))])
  const externalData = await Promise.all(
    Object.entries(peer.external).map(async ([path, name]) => ({ path, data: await bytesOf(url(name)) })),
  )
  ort.env.logLevel = 'fatal'
  ort.env.wasm.numThreads = 1
  ort.env.wasm.wasmBinary = wasm.buffer
  ort.env.wasm.wasmPaths = { mjs: new URL(url(peer.loader), globalThis.location?.href).href }
  const feeds = Object.fromEntries(
    [...payload.inputs, ...payload.bound].map((value) => [
      value.name,
      new ort.Tensor(value.type, decode(value), value.shape),
    ]),
  )
  const begin = performance.now()
  const creation = await timed(() => ort.InferenceSession.create(model, { executionProviders: ['wasm'], externalData }))
  const session = creation.result
  const first = await timed(() => session.run(feeds))
  const coldStartMs = performance.now() - begin
  return {
    start: { compileMs: null, instantiateMs: creation.ms, firstRunMs: first.ms, coldStartMs },
    run: () => session.run(feeds),
    memoryBytes: () => memories.reduce((sum, memory) => sum + memory.buffer.byteLength, 0),
  }
}

/** 10⁹ multiply-accumulates per second: the best of many short calls, since engines optimise only between calls. */
async function measurePeak(payload: Payload, file: string | WebAssembly.Module): Promise<number> {
  const { run } = (await WebAssembly.instantiate(await compiled(file))).exports as {
    run: (x: number, y: number, iterations: number) => number
  }
  const iterations = 50_000
  const calls = Math.ceil((50 * clockStep()) / 0.1) // at least 0.1 ms each on machines of the 2020s
  let best = Infinity
  const end = performance.now() + 500
  for (let turn = 0; turn < 10 || performance.now() < end; turn++) {
    const start = performance.now()
    for (let i = 0; i < calls; i++) run(0.5, 1, iterations)
    best = Math.min(best, performance.now() - start)
  }
  return (calls * iterations * payload.macsPerIteration) / best / 1e6
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
