import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Layer, Network } from '../network/network.ts'
import { sizesOf } from '../sizes.ts'
import type { EngineContext, NumberArray, System } from '../task.ts'
import { packageFolder, type Peer, type PeerModel } from './peer.ts'

/** Files by their names in the job, and the network; constants' data stand in the file `weights`. */
interface Settings {
  readonly core: string
  readonly backend: string
  readonly wasm: string
  readonly variants: readonly string[]
  readonly weights: string
  readonly layers: readonly Layer[]
  readonly tensors: readonly {
    readonly shape: readonly number[]
    /** Of a constant, where its elements stand in the file, counted in elements. */
    readonly offset?: number
  }[]
  readonly inputs: readonly { readonly name: string; readonly tensor: number }[]
  readonly outputs: readonly { readonly name: string; readonly tensor: number }[]
}

const core = 'tf-core.min.js'
const backend = 'tf-backend-wasm.min.js'
const wasm = 'tfjs-backend-wasm-simd.wasm'
const variants = ['', '-simd', '-threaded-simd'].map((kind) => `tfjs-backend-wasm${kind}.wasm`)
const weights = 'tfjs.bin'

/** TensorFlow.js with its WebAssembly backend, SIMD on one thread, op by op. A503 where a package is missing. */
export function tfjs({ folder }: PeerModel, network: Network): Peer {
  const backendFolder = packageFolder('@tensorflow/tfjs-backend-wasm', `dist/${backend}`)
  const paths = {
    [core]: join(packageFolder('@tensorflow/tfjs-core', `dist/${core}`), 'dist', core),
    [backend]: join(backendFolder, 'dist', backend),
    [wasm]: join(backendFolder, 'dist', wasm),
    [weights]: join(folder, weights),
  }
  let elements = 0
  const tensors = network.tensors.map(({ shape, data }) => {
    if (!data) return { shape }
    elements += data.length
    return { shape, offset: elements - data.length }
  })
  const all = new Float32Array(elements)
  network.tensors.forEach(({ data }, i) => data && all.set(data, tensors[i]!.offset))
  writeFileSync(paths[weights], all)
  const { layers, inputs, outputs } = network
  const settings: Settings = { core, backend, wasm, variants, weights, layers, tensors, inputs, outputs }
  return {
    ...{ name: 'tfjs', inPages: true, start: startTfjs, settings, paths },
    bytes: () => sizesOf(Object.values(paths)),
  }
}

interface TfTensor {
  readonly shape: readonly number[]
  dataSync(): NumberArray
  dispose(): void
}

type Operation = (...operands: unknown[]) => TfTensor

/** The part of its interface that is used here. */
interface Tf {
  ready(): Promise<void>
  setBackend(name: string): Promise<boolean>
  env(): { set(flag: string, value: boolean): void }
  backend(): { readonly wasm: { readonly HEAPU8: Uint8Array } }
  tidy<T>(work: () => T): T
  readonly wasm: { setWasmPaths(urls: Readonly<Record<string, string>>): void }
  tensor(data: NumberArray, shape: readonly number[]): TfTensor
  readonly fused: Readonly<Record<'conv2d' | 'depthwiseConv2d' | 'matMul', (options: object) => TfTensor>>
}

/** Runs inside the engine and refers to nothing outside. */
async function startTfjs(argument: unknown, context: EngineContext): Promise<System> {
  const settings = argument as Settings
  const { inputs, outputs, files, load, bytesOf, decode, timed } = context
  const url = (name: string): string => files[name] as string
  const fetched = await timed(async () => {
    await load(url(settings.core))
    await load(url(settings.backend))
    return { wasm: await bytesOf(url(settings.wasm)), weights: await bytesOf(url(settings.weights)) }
  })
  const { wasm, weights } = fetched.result
  const tf = Reflect.get(globalThis, 'tf') as Tf
  const operations = tf as unknown as Readonly<Record<string, Operation>>
  const tensors: (TfTensor | undefined)[] = []
  const operand = (i: number): TfTensor => tensors[i]!

  /** Kernels in the layouts that TensorFlow.js takes. */
  function layOut(): void {
    settings.tensors.forEach(({ shape, offset }, i) => {
      if (offset === undefined) return
      const count = shape.reduce((product, d) => product * d, 1)
      tensors[i] = tf.tensor(new Float32Array(weights.buffer, 4 * offset, count), shape)
    })
    const perms: Readonly<Record<string, readonly number[]>> = {
      ...{ conv2d: [1, 2, 3, 0], depthwiseConv2d: [1, 2, 3, 0], dense: [1, 0] },
    }
    for (const { op, inputs: operands } of settings.layers) {
      const perm = perms[op]
      if (perm) tensors[operands[1]!] = operations['transpose']!(operand(operands[1]!), perm)
    }
  }

  function compute(layer: Layer): TfTensor {
    const { op, attributes: a, inputs: operands, activation, output } = layer
    const [x, y, bias] = operands.map(operand)
    const common = { x, filter: y, bias, strides: a.strides, dilations: a.dilations, pad: a.padding }
    const fusedActivation = activation === 'none' ? 'linear' : activation
    const arithmetic = (): TfTensor => {
      const result = operations[op]!(x, y)
      return activation === 'none' ? result : operations[activation]!(result)
    }
    switch (op) {
      case 'conv2d':
      case 'depthwiseConv2d':
        return tf.fused[op]({ ...common, activation: fusedActivation })
      case 'dense':
        return tf.fused.matMul({ a: x, b: y, bias, activation: fusedActivation })
      case 'averagePool':
        return operations['avgPool']!(x, a.size, a.strides, a.padding)
      case 'maxPool':
        return operations['maxPool']!(x, a.size, a.strides, a.padding)
      case 'mean':
      case 'max':
        return operations[op]!(x, a.axes)
      case 'reshape':
        return operations['reshape']!(x, settings.tensors[output]!.shape)
      case 'transpose':
        return operations['transpose']!(x, a.perm)
      case 'concat':
        return operations['concat']!(operands.map(operand), a.axis)
      case 'pad': {
        const amounts = a.low!.map((low, i) => [low, a.high![i]!])
        return operations['pad']!(x, amounts, a.value)
      }
      case 'slice':
        return operations['stridedSlice']!(x, a.begin, a.end, a.step)
      case 'hardSwish': {
        const shifted = operations['relu6']!(operations['add']!(x, 3))
        return operations['mul']!(x, operations['mul']!(shifted, 1 / 6))
      }
      case 'add':
      case 'sub':
      case 'mul':
      case 'div':
      case 'maximum':
      case 'minimum':
        return arithmetic()
      default:
        return operations[op]!(x)
    }
  }

  const run = (): NumberArray[] =>
    tf.tidy(() => {
      for (const layer of settings.layers) tensors[layer.output] = compute(layer)
      return settings.outputs.map(({ tensor }) => operand(tensor).dataSync())
    })
  const begin = performance.now()
  const creation = await timed(async () => {
    tf.env().set('WASM_HAS_MULTITHREAD_SUPPORT', false)
    // It asks for an address of each variant, though it takes one.
    const address = URL.createObjectURL(new Blob([wasm], { type: 'application/wasm' }))
    tf.wasm.setWasmPaths(Object.fromEntries(settings.variants.map((variant) => [variant, address])))
    await tf.setBackend('wasm')
    await tf.ready()
    layOut()
    for (const { name, tensor } of settings.inputs) {
      const value = inputs.find((input) => input.name === name)!
      tensors[tensor] = tf.tensor(decode(value), value.shape)
    }
  })
  const first = await timed(run)
  const coldStartMs = performance.now() - begin
  return {
    start: {
      ...{ fetchMs: fetched.ms, compileMs: null, instantiateMs: creation.ms },
      ...{ firstRunMs: first.ms, coldStartMs },
    },
    run,
    outputs: () => {
      const results = run()
      return Promise.resolve(outputs.map((name) => results[settings.outputs.findIndex((o) => o.name === name)]!))
    },
    memoryBytes: () => tf.backend().wasm.HEAPU8.buffer.byteLength,
  }
}
