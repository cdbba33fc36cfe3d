import { writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { readerBeside, readFile } from '../../data/index.ts'
import { externalFiles } from '../../verify/onnxruntime.ts'
import { sizesOf, type Sizes } from '../sizes.ts'
import type { EngineContext, NumberArray, System, Value } from '../task.ts'
import { toValue } from '../value.ts'
import { fileOf, nameOf, packageFolder, type Peer, type PeerModel } from './peer.ts'

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

const engineScript = 'ort.wasm.min.mjs'
const loader = 'ort-wasm-simd-threaded.mjs'
const wasm = 'ort-wasm-simd-threaded.wasm'

/**
 * onnxruntime-web on the model as it is; of a quantized one that is `int8`, and its form in floats is given. A503 where the package is missing,
 * A1xx or A502 where the model can't be read.
 */
export function onnxruntimeWeb({ source, bound, starts, folder: own }: PeerModel, model?: 'int8' | Uint8Array): Peer {
  const folder = packageFolder('onnxruntime-web', join('dist', wasm))
  const form = model instanceof Uint8Array ? 'f32' : model
  const [script, file] = [engineScript, 'model.onnx'].map((each) => fileOf(each, form)) as [string, string]
  const path = model instanceof Uint8Array ? join(own, file) : resolve(source)
  if (model instanceof Uint8Array) writeFileSync(path, model)
  const external =
    model instanceof Uint8Array ? [] : externalFiles(readFile(source), readerBeside(source)).map(({ path }) => path)
  const names = Object.fromEntries(external.map((each, i) => [each, `external${i}`]))
  const paths = {
    [script]: join(folder, 'dist', engineScript),
    ...Object.fromEntries([loader, wasm].map((each) => [each, join(folder, 'dist', each)])),
    [file]: path,
    ...Object.fromEntries(external.map((each) => [names[each]!, resolve(dirname(source), each)])),
  }
  const settings: Settings = {
    ...{ script, loader, wasm, model: file, external: names },
    // The form in floats has the constants in itself, too.
    given: Object.entries({ ...(form !== 'f32' && bound), ...starts }).map(toValue),
  }
  let sizes: Promise<Sizes> | undefined
  return {
    ...{ name: nameOf('onnxruntime-web', form), inPages: false, start: startOnnxruntimeWeb, settings, paths },
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
