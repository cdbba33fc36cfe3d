import { dirname, join, resolve } from 'node:path'
import { readerBeside, readFile } from '../../data/index.ts'
import { externalFiles } from '../../verify/onnxruntime.ts'
import { sizesOf, type Sizes } from '../sizes.ts'
import type { EngineContext, NumberArray, System, Value } from '../task.ts'
import { toValue } from '../value.ts'
import { packageFolder, type Peer, type PeerModel } from './peer.ts'

/** Files by their names in the job. */
interface Settings {
  readonly script: string
  readonly loader: string
  readonly wasm: string
  readonly model: string
  /** Names that the model gives its external data, with the names in the job. */
  readonly external: Readonly<Record<string, string>>
  /** Inputs that attar's module has in itself. */
  readonly given: readonly Value[]
}

const script = 'ort.wasm.min.mjs'
const loader = 'ort-wasm-simd-threaded.mjs'
const wasm = 'ort-wasm-simd-threaded.wasm'

/** onnxruntime-web on the model as it is. A503 where the package is missing, A1xx or A502 where the model can't be read. */
export function onnxruntimeWeb({ source, bound, starts }: PeerModel): Peer {
  const folder = packageFolder('onnxruntime-web', join('dist', wasm))
  const external = externalFiles(readFile(source), readerBeside(source)).map(({ path }) => path)
  const names = Object.fromEntries(external.map((file, i) => [file, `external${i}`]))
  const paths = {
    ...Object.fromEntries([script, loader, wasm].map((file) => [file, join(folder, 'dist', file)])),
    'model.onnx': resolve(source),
    ...Object.fromEntries(external.map((file) => [names[file]!, resolve(dirname(source), file)])),
  }
  const settings: Settings = {
    ...{ script, loader, wasm, model: 'model.onnx', external: names },
    given: Object.entries({ ...bound, ...starts }).map(toValue),
  }
  let sizes: Promise<Sizes> | undefined
  return {
    ...{ name: 'onnxruntime-web', inPages: false, start: startOnnxruntimeWeb, settings, paths },
    bytes: () => (sizes ??= sizesOf(Object.values(paths))),
  }
}

/** The part of its interface that is used here. */
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
    ): Promise<{
      run(feeds: Readonly<Record<string, unknown>>): Promise<Readonly<Record<string, { readonly data: NumberArray }>>>
    }>
  }
}

/** Runs inside the engine and refers to nothing outside. */
async function startOnnxruntimeWeb(argument: unknown, context: EngineContext): Promise<System> {
  const settings = argument as Settings
  const { inputs, outputs, files, load, bytesOf, decode, timed } = context
  const url = (name: string): string => files[name] as string
  const memories: WebAssembly.Memory[] = []
  const Memory = WebAssembly.Memory
  // It makes its memory in its script and gives no access to it.
  WebAssembly.Memory = class extends Memory {
    constructor(descriptor: WebAssembly.MemoryDescriptor) {
      super(descriptor)
      memories.push(this)
    }
  }
  const fetched = await timed(async () => ({
    ort: (await load(url(settings.script))) as Ort,
    model: await bytesOf(url(settings.model)),
    wasm: await bytesOf(url(settings.wasm)),
    externalData: await Promise.all(
      Object.entries(settings.external).map(async ([path, name]) => ({ path, data: await bytesOf(url(name)) })),
    ),
  }))
  const { ort, model, wasm, externalData } = fetched.result
  ort.env.logLevel = 'fatal'
  ort.env.wasm.numThreads = 1
  ort.env.wasm.wasmBinary = wasm.buffer
  ort.env.wasm.wasmPaths = { mjs: new URL(url(settings.loader), globalThis.location?.href).href }
  const feeds = Object.fromEntries(
    [...inputs, ...settings.given].map((value) => [value.name, new ort.Tensor(value.type, decode(value), value.shape)]),
  )
  const begin = performance.now()
  const creation = await timed(() => ort.InferenceSession.create(model, { executionProviders: ['wasm'], externalData }))
  const session = creation.result
  const first = await timed(() => session.run(feeds))
  const coldStartMs = performance.now() - begin
  WebAssembly.Memory = Memory
  return {
    start: {
      ...{ fetchMs: fetched.ms, compileMs: null, instantiateMs: creation.ms },
      ...{ firstRunMs: first.ms, coldStartMs },
    },
    run: () => session.run(feeds),
    outputs: async () => {
      const results = await session.run(feeds)
      return outputs.map((name) => results[name]!.data)
    },
    memoryBytes: () => memories.reduce((sum, memory) => sum + memory.buffer.byteLength, 0),
  }
}
