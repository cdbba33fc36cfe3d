import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Layer, Network } from '../network/network.ts'
import { sizesOf } from '../sizes.ts'
import type { EngineContext, NumberArray, System } from '../task.ts'
import { nameOf, packageFolder, type Form, type Peer, type PeerModel } from './peer.ts'
import { storedConstants, trainedNetwork, type Trainee, type TrainingSettings } from './trainee.ts'

/** Files by their names in the job, and the network; constants' data stand in the file `weights`. */
interface Settings {
  readonly core: string
  readonly backend: string
  /** Scripts for training. */
  readonly trainers: readonly string[]
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
  readonly training: TrainingSettings | null
}

const core = 'tf-core.min.js'
const backend = 'tf-backend-wasm.min.js'
const wasm = 'tfjs-backend-wasm-simd.wasm'
const variants = ['', '-simd', '-threaded-simd'].map((kind) => `tfjs-backend-wasm${kind}.wasm`)
const weights = 'tfjs.bin'
/** The back end in JavaScript, and the layers, which register the gradients of the core's kernels. */
const trainers = ['tf-backend-cpu.min.js', 'tf-layers.min.js']
const trainerPackages = ['@tensorflow/tfjs-backend-cpu', '@tensorflow/tfjs-layers']

/** TensorFlow.js with its WebAssembly backend, SIMD on one thread, op by op. A503 where a package is missing. */
export const tfjs = ({ folder }: Pick<PeerModel, 'folder'>, network: Network, form?: Form): Peer => ({
  ...peerOf(folder, network, null),
  name: nameOf('tfjs', form),
})

/**
 * The same in training, with its Adam and a multiplication for each weight that decays. Its WebAssembly back end lacks the gradients of
 * convolutions' kernels: those networks run on its back end in JavaScript.
 * @throws Unsupported where the network has no equivalent.
 */
export function tfjsTrainer(trainee: Trainee): Peer {
  const { network, training } = trainedNetwork(trainee)
  return peerOf(trainee.folder, network, training)
}

function peerOf(folder: string, network: Network, training: TrainingSettings | null): Peer {
  const backendFolder = packageFolder('@tensorflow/tfjs-backend-wasm', `dist/${backend}`)
  const paths: Record<string, string> = {
    [core]: join(packageFolder('@tensorflow/tfjs-core', `dist/${core}`), 'dist', core),
    [backend]: join(backendFolder, 'dist', backend),
    [wasm]: join(backendFolder, 'dist', wasm),
    [weights]: join(folder, weights),
  }
  if (training) {
    trainers.forEach((file, i) => {
      paths[file] = join(packageFolder(trainerPackages[i]!, `dist/${file}`), 'dist', file)
    })
  }
  const { data, places } = storedConstants(network)
  writeFileSync(paths[weights]!, data)
  const { layers, inputs, outputs } = network
  const settings: Settings = {
    ...{ core, backend, trainers: training ? trainers : [], wasm, variants, weights },
    ...{ layers, tensors: places, inputs, outputs, training },
  }
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

interface TfVariable extends TfTensor {
  readonly name: string
  assign(value: TfTensor): void
}

interface TfOptimizer {
  applyGradients(gradients: Readonly<Record<string, TfTensor>>): void
  dispose(): void
}

type Operation = (...operands: unknown[]) => TfTensor

/** The part of its interface that is used here. */
interface Tf {
  ready(): Promise<void>
  setBackend(name: string): Promise<boolean>
  env(): { set(flag: string, value: boolean): void }
  backend(): { readonly wasm?: { readonly HEAPU8: Uint8Array } }
  tidy<T>(work: () => T): T
  readonly wasm: { setWasmPaths(urls: Readonly<Record<string, string>>): void }
  tensor(data: NumberArray, shape: readonly number[], dtype?: string): TfTensor
  variable(value: TfTensor): TfVariable
  variableGrads(
    f: () => TfTensor,
    variables: readonly TfVariable[],
  ): { readonly value: TfTensor; readonly grads: Readonly<Record<string, TfTensor>> }
  /** Undefined where the back end has no such kernel. */
  getKernel(name: string, backend: string): unknown
  oneHot(indices: TfTensor, depth: number): TfTensor
  readonly losses: { softmaxCrossEntropy(labels: TfTensor, scores: TfTensor): TfTensor }
  readonly train: { adam(rate: number, beta1: number, beta2: number, epsilon: number): TfOptimizer }
  readonly fused: Readonly<Record<'conv2d' | 'depthwiseConv2d' | 'matMul', (options: object) => TfTensor>>
}

/** Runs inside the engine and refers to nothing outside. */
async function startTfjs(argument: unknown, context: EngineContext): Promise<System> {
  const settings = argument as Settings
  const { inputs, outputs, training: steps, files, load, bytesOf, decode, timed } = context
  const url = (name: string): string => files[name] as string
  const fetched = await timed(async () => {
    await load(url(settings.core))
    await load(url(settings.backend))
    for (const script of settings.trainers) await load(url(script))
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

  const forward = (): TfTensor[] => {
    for (const layer of settings.layers) tensors[layer.output] = compute(layer)
    return settings.outputs.map(({ tensor }) => operand(tensor))
  }
  const { training } = settings
  const gradients: Readonly<Record<string, string>> = {
    ...{ conv2d: 'Conv2DBackpropFilter', depthwiseConv2d: 'DepthwiseConv2dNativeBackpropFilter' },
    ...{ maxPool: 'MaxPoolGrad', averagePool: 'AvgPoolGrad' },
  }
  const lacks = ({ op }: Layer): boolean => gradients[op] !== undefined && !tf.getKernel(gradients[op], 'wasm')
  const chosen = training && settings.layers.some(lacks) ? 'cpu' : 'wasm'

  const given = (name: string): NumberArray => decode(inputs.find((input) => input.name === name)!)
  // A batch may have an axis more in attar's step than in the network.
  const own = settings.inputs.map(({ name, tensor }) => ({ tensor, data: given(name), ...settings.tensors[tensor]! }))
  const classes = settings.training && given(settings.training.target)
  const starts: TfTensor[] = []
  const variables: TfVariable[] = []
  let optimizer: TfOptimizer | undefined
  const restart = (): void => {
    const { learningRate, beta1, beta2, epsilon } = training!.adamw
    variables.forEach((variable, i) => variable.assign(starts[i]!))
    optimizer?.dispose()
    optimizer = tf.train.adam(learningRate, beta1, beta2, epsilon)
  }
  /** Tensors that are trained become variables. */
  function beginTraining({ trained }: TrainingSettings): void {
    for (const { tensor } of trained) {
      const start = operand(tensor)
      const variable = tf.variable(operations['clone']!(start))
      starts.push(start)
      variables.push(variable)
      tensors[tensor] = variable
    }
    restart()
  }
  /** A step of AdamW: Adam's of weights that have decayed. */
  const step = ({ trained, adamw, ...training }: TrainingSettings): NumberArray[] =>
    tf.tidy(() => {
      for (const { tensor, data, shape } of own) tensors[tensor] = tf.tensor(data, shape)
      const labels = tf.oneHot(tf.tensor(classes!, [own[0]!.shape[0]!], 'int32'), training.classes)
      const { value, grads } = tf.variableGrads(() => tf.losses.softmaxCrossEntropy(labels, forward()[0]!), variables)
      variables.forEach((variable, i) => {
        if (trained[i]!.decays)
          variable.assign(operations['mul']!(variable, 1 - adamw.learningRate * adamw.weightDecay))
      })
      optimizer!.applyGradients(grads)
      return [value.dataSync()]
    })
  const run = (): NumberArray[] => (training ? step(training) : tf.tidy(() => forward().map((y) => y.dataSync())))
  const begin = performance.now()
  const creation = await timed(async () => {
    tf.env().set('WASM_HAS_MULTITHREAD_SUPPORT', false)
    // It asks for an address of each variant, though it takes one.
    const address = URL.createObjectURL(new Blob([wasm], { type: 'application/wasm' }))
    tf.wasm.setWasmPaths(Object.fromEntries(settings.variants.map((variant) => [variant, address])))
    await tf.setBackend(chosen)
    await tf.ready()
    layOut()
    if (training) beginTraining(training)
    else for (const { tensor, data, shape } of own) tensors[tensor] = tf.tensor(data, shape)
  })
  const first = await timed(run)
  const coldStartMs = performance.now() - begin
  return {
    start: {
      ...{ fetchMs: fetched.ms, compileMs: null, instantiateMs: creation.ms },
      ...{ firstRunMs: first.ms, coldStartMs },
    },
    run,
    ...(training && { restart, variant: chosen }),
    outputs: () => {
      if (training) {
        restart()
        const losses = steps!.scalars.map(() => (run()[0] as Float32Array)[0]!)
        return Promise.resolve([Float32Array.from(losses)])
      }
      const results = run()
      return Promise.resolve(outputs.map((name) => results[settings.outputs.findIndex((o) => o.name === name)]!))
    },
    memoryBytes: () => tf.backend().wasm?.HEAPU8.buffer.byteLength ?? null,
  }
}
