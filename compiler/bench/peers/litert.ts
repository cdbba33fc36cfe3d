import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readFile } from '../../data/index.ts'
import type { Network } from '../network/network.ts'
import { writeTflite } from '../network/tflite.ts'
import { sizesOf } from '../sizes.ts'
import type { EngineContext, NumberArray, System } from '../task.ts'
import { fileOf, nameOf, packageFolder, type Form, type Peer, type PeerModel } from './peer.ts'

/** Files by their names in the job. */
interface Settings {
  readonly script: string
  readonly engines: Readonly<Record<'relaxed' | 'compatible', { readonly loader: string; readonly wasm: string }>>
  readonly model: string
}

const engineScript = 'litert.mjs'
const helpers = 'litert-wasm-utils.mjs'
const engine = (name: string) => ({ loader: `${name}.js`, wasm: `${name}.wasm` })
const engines = { relaxed: engine('litert_wasm_internal'), compatible: engine('litert_wasm_compat_internal') }

/**
 * LiteRT.js with XNNPACK on one thread. It runs `network`, written as a TensorFlow Lite model, or the file that the user
 * has converted; `form` is which of a quantized model's it is. A503 where a package is missing.
 */
export async function litert({ folder }: PeerModel, converted: string | (() => Network), form?: Form): Promise<Peer> {
  const [script, model] = [engineScript, 'model.tflite'].map((file) => fileOf(file, form)) as [string, string]
  const core = packageFolder('@litertjs/core', 'dist/index.js')
  const utilities = packageFolder('@litertjs/wasm-utils', 'dist/index.js')
  const paths: Record<string, string> = {
    [script]: join(folder, script),
    [helpers]: join(utilities, 'dist/index.js'),
    [model]: typeof converted === 'string' ? converted : join(folder, model),
  }
  for (const { loader, wasm } of Object.values(engines)) {
    for (const file of [loader, wasm]) paths[file] = join(core, 'wasm', file)
  }
  // A page resolves no packages by name.
  const text = new TextDecoder().decode(readFile(join(core, 'dist/index.js')))
  writeFileSync(paths[script]!, text.replaceAll('"@litertjs/wasm-utils"', `"./${helpers}"`))
  if (typeof converted !== 'string') writeFileSync(paths[model]!, await writeTflite(converted()))
  const settings: Settings = { script, engines, model }
  const shipped = [script, helpers, model, engines.relaxed.loader, engines.relaxed.wasm].map((file) => paths[file]!)
  return {
    ...{ name: nameOf('litert', form), inPages: true, start: startLitert, settings, paths },
    bytes: () => sizesOf(shipped),
  }
}

/** The part of its interface that is used here. */
interface LiteRt {
  loadLiteRt(loader: string): Promise<{ readonly liteRtWasm: { readonly HEAPU8: Uint8Array } }>
  loadAndCompile(model: Uint8Array, options: object): Promise<CompiledModel>
  supportsFeature(feature: string): Promise<boolean>
  readonly Tensor: new (data: NumberArray, shape: readonly number[]) => LiteTensor
}

interface LiteTensor {
  toTypedArray(): NumberArray
  delete(): void
}

interface CompiledModel {
  run(inputs: readonly LiteTensor[]): Promise<readonly LiteTensor[]>
  getInputDetails(): readonly { readonly name: string }[]
  getOutputDetails(): readonly { readonly name: string }[]
}

/** Runs inside the engine and refers to nothing outside. */
async function startLitert(argument: unknown, context: EngineContext): Promise<System> {
  const settings = argument as Settings
  const { inputs, outputs, files, load, bytesOf, decode, timed } = context
  const url = (name: string): string => new URL(files[name] as string, globalThis.location.href).href
  const fetched = await timed(async () => {
    const litert = (await load(url(settings.script))) as LiteRt
    const relaxed = await litert.supportsFeature('relaxedSimd')
    const { loader, wasm } = settings.engines[relaxed ? 'relaxed' : 'compatible']
    return { litert, loader, wasm: await bytesOf(url(wasm)), model: await bytesOf(url(settings.model)) }
  })
  const { litert, loader, wasm, model } = fetched.result
  // Its loader takes the engine's bytes from here; it fetches only its own script.
  Reflect.set(globalThis, 'Module', { wasmBinary: wasm })
  const begin = performance.now()
  const creation = await timed(async () => {
    const runtime = await litert.loadLiteRt(url(loader))
    const compiled = await litert.loadAndCompile(model, { accelerator: 'wasm', cpuOptions: { numThreads: 1 } })
    return { runtime, compiled }
  })
  const { runtime, compiled } = creation.result
  /** Indices of names where the model has them; converters may rename. */
  const order = (wanted: readonly string[], details: readonly { readonly name: string }[]): number[] =>
    wanted.map((name, i) => {
      const found = details.findIndex((detail) => detail.name === name)
      return found < 0 ? i : found
    })
  const inputOrder = order(
    compiled.getInputDetails().map(({ name }) => name),
    inputs,
  )
  const outputOrder = order(outputs, compiled.getOutputDetails())
  const tensors = inputOrder.map((i) => new litert.Tensor(decode(inputs[i]!), inputs[i]!.shape))
  const run = async (): Promise<NumberArray[]> => {
    const results = await compiled.run(tensors)
    return results.map((tensor) => {
      const values = tensor.toTypedArray()
      tensor.delete()
      return values
    })
  }
  const first = await timed(run)
  const coldStartMs = performance.now() - begin
  return {
    start: {
      ...{ fetchMs: fetched.ms, compileMs: null, instantiateMs: creation.ms },
      ...{ firstRunMs: first.ms, coldStartMs },
    },
    run,
    outputs: async () => {
      const results = await run()
      return outputOrder.map((i) => results[i]!)
    },
    memoryBytes: () => runtime.liteRtWasm.HEAPU8.buffer.byteLength,
  }
}
