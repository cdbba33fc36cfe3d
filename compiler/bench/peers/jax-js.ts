import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Layer, LayerOp } from '../network/network.ts'
import { unsupported } from '../network/unsupported.ts'
import { sizesOf } from '../sizes.ts'
import type { EngineContext, NumberArray, System } from '../task.ts'
import { packageFolder, type Peer } from './peer.ts'
import { storedConstants, trainedNetwork, type Trainee, type TrainingSettings } from './trainee.ts'

/** Files by their names in the job; constants' data stand in the file `weights`. */
interface Settings extends TrainingSettings {
  readonly main: string
  readonly weights: string
  readonly layers: readonly Layer[]
  readonly tensors: readonly { readonly shape: readonly number[]; readonly offset?: number }[]
  readonly input: { readonly name: string; readonly tensor: number }
  readonly output: number
}

const weights = 'jax-js.bin'
const ops: readonly LayerOp[] = [
  ...(['conv2d', 'depthwiseConv2d', 'dense', 'maxPool', 'averagePool', 'reshape', 'mean'] as const),
  ...(['relu', 'relu6', 'sigmoid', 'tanh'] as const),
]

/**
 * jax-js with its WebAssembly back end, the whole step under `jit`. In pages that are isolated it runs on all of the machine's cores.
 * A503 where the package is missing.
 * @throws Unsupported where the network has no equivalent.
 */
export function jaxJsTrainer(trainee: Trainee): Peer {
  const { network, training } = trainedNetwork(trainee)
  for (const { op, attributes, inputs } of network.layers) {
    if (!ops.includes(op)) unsupported(`the layer ${op}`)
    // Windows in jax-js have no padding.
    const covers = attributes.size?.every((size, i) => network.tensors[inputs[0]!]!.shape[i + 1]! % size === 0)
    if (attributes.size && attributes.padding === 'same' && !covers) unsupported('a padded pool')
  }
  const main = 'index.js'
  const distribution = join(packageFolder('@jax-js/jax', `dist/${main}`), 'dist')
  const scripts = readdirSync(distribution).filter((file) => file.endsWith('.js'))
  const { data, places } = storedConstants(network)
  const paths = {
    ...Object.fromEntries(scripts.map((file) => [file, join(distribution, file)])),
    [weights]: join(trainee.folder, weights),
  }
  writeFileSync(paths[weights]!, data)
  const { layers, inputs, outputs } = network
  const settings: Settings = {
    ...{ main, weights, layers, tensors: places, input: inputs[0]!, output: outputs[0]!.tensor },
    ...training,
  }
  return {
    ...{ name: 'jax-js', inPages: false, start: startJaxJs, settings, paths },
    bytes: () => sizesOf(Object.values(paths)),
  }
}

/** An array; whoever passes one on without `ref` gives it away. */
interface JaxArray {
  readonly ref: JaxArray
  readonly shape: readonly number[]
  add(other: JaxArray | number): JaxArray
  sub(other: JaxArray): JaxArray
  mul(other: JaxArray | number): JaxArray
  div(other: JaxArray): JaxArray
  reshape(shape: readonly number[]): JaxArray
  data(): Promise<NumberArray>
  dispose(): void
}

/** The part of its interface that is used here. */
interface Jax {
  init(device: string): Promise<unknown>
  defaultDevice(device: string): void
  jit<F>(step: F): F
  valueAndGrad(
    f: (p: JaxArray[], x: JaxArray, t: JaxArray) => JaxArray,
  ): (p: JaxArray[], x: JaxArray, t: JaxArray) => [loss: JaxArray, gradients: JaxArray[]]
  readonly numpy: {
    array(data: NumberArray | number): JaxArray
    zeros(shape: readonly number[]): JaxArray
    transpose(x: JaxArray, perm: readonly number[]): JaxArray
    matmul(x: JaxArray, y: JaxArray): JaxArray
    max(x: JaxArray): JaxArray
    mean(x: JaxArray, axes?: readonly number[]): JaxArray
    sum(x: JaxArray, axes: readonly number[]): JaxArray
    sqrt(x: JaxArray): JaxArray
    tanh(x: JaxArray): JaxArray
  }
  readonly nn: Readonly<Record<'relu' | 'relu6' | 'sigmoid' | 'logSoftmax', (x: JaxArray) => JaxArray>> & {
    oneHot(x: JaxArray, classes: number): JaxArray
  }
  readonly lax: {
    convGeneralDilated(
      x: JaxArray,
      w: JaxArray,
      strides: readonly number[],
      padding: string,
      options: { readonly rhsDilation: readonly number[]; readonly featureGroupCount?: number },
    ): JaxArray
    reduceWindow(
      x: JaxArray,
      reduce: (window: JaxArray) => JaxArray,
      size: readonly number[],
      strides: readonly number[],
    ): JaxArray
  }
}

/** Runs inside the engine and refers to nothing outside. Images are NCHW here, as jax-js takes them. */
async function startJaxJs(argument: unknown, context: EngineContext): Promise<System> {
  const settings = argument as Settings
  const { inputs, files, training, load, bytesOf, decode, timed } = context
  const { layers, tensors, trained, adamw } = settings
  const fetched = await timed(async () => ({
    jax: (await load(files[settings.main] as string)) as Jax,
    stored: await bytesOf(files[settings.weights] as string),
  }))
  const { jax, stored } = fetched.result
  const { numpy: np, nn, lax } = jax
  const perms: Readonly<Record<string, readonly number[]>> = {
    ...{ conv2d: [0, 3, 1, 2], depthwiseConv2d: [3, 0, 1, 2], dense: [1, 0] },
  }
  const constant = (i: number): JaxArray => {
    const { shape, offset } = tensors[i]!
    const count = shape.reduce((product, d) => product * d, 1)
    const array = np.array(new Float32Array(stored.buffer, 4 * offset!, count)).reshape(shape)
    const perm = perms[layers.find((layer) => layer.inputs[1] === i)?.op ?? '']
    return perm ? np.transpose(array, perm) : array
  }
  const toImages = (x: JaxArray): JaxArray => (x.shape.length === 4 ? np.transpose(x, [0, 3, 1, 2]) : x)

  function compute({ op, attributes: a, output }: Layer, x: JaxArray, w: JaxArray, bias: JaxArray): JaxArray {
    switch (op) {
      case 'conv2d':
      case 'depthwiseConv2d': {
        const [, groups = 1] = x.shape
        const options = { rhsDilation: a.dilations!, ...(op === 'depthwiseConv2d' && { featureGroupCount: groups }) }
        const y = lax.convGeneralDilated(x, w, a.strides!, a.padding!.toUpperCase(), options)
        return y.add(bias.reshape([1, -1, 1, 1]))
      }
      case 'dense':
        return np.matmul(x, w).add(bias)
      case 'maxPool':
        return lax.reduceWindow(x, (window) => np.max(window), a.size!, a.strides!)
      case 'averagePool':
        return lax.reduceWindow(x, (window) => np.mean(window), a.size!, a.strides!)
      case 'mean':
        return np.mean(x.shape.length === 4 ? np.transpose(x, [0, 2, 3, 1]) : x, a.axes)
      case 'reshape': {
        const rows = x.shape.length === 4 ? np.transpose(x, [0, 2, 3, 1]) : x
        return toImages(rows.reshape(tensors[output]!.shape))
      }
      case 'tanh':
        return np.tanh(x)
      default:
        return nn[op as 'relu'](x)
    }
  }

  const loss = (p: JaxArray[], x: JaxArray, t: JaxArray): JaxArray => {
    const values: (JaxArray | undefined)[] = []
    trained.forEach(({ tensor }, i) => (values[tensor] = p[i]))
    values[settings.input.tensor] = toImages(x)
    for (const layer of layers) {
      const [image, w, bias] = layer.inputs.map((i) => values[i]!.ref)
      const y = compute(layer, image!, w!, bias!)
      values[layer.output] = layer.activation === 'none' ? y : nn[layer.activation](y)
    }
    const scores = values[settings.output]!.ref
    values.forEach((value) => value?.dispose())
    const chosen = nn.logSoftmax(scores).mul(nn.oneHot(t, settings.classes))
    return np.mean(np.sum(chosen, [1])).mul(-1)
  }

  type State = readonly [p: JaxArray[], m: JaxArray[], v: JaxArray[]]
  const { beta1, beta2, epsilon, learningRate, weightDecay } = adamw
  const step = jax.jit((p: JaxArray[], m: JaxArray[], v: JaxArray[], x: JaxArray, t: JaxArray, scalars: JaxArray[]) => {
    const [keep, size, root] = scalars as [JaxArray, JaxArray, JaxArray]
    const [value, gradients] = jax.valueAndGrad(loss)(
      p.map((q) => q.ref),
      x,
      t,
    )
    const nextM = m.map((old, i) => old.mul(beta1).add(gradients[i]!.ref.mul(1 - beta1)))
    const nextV = v.map((old, i) => old.mul(beta2).add(gradients[i]!.ref.mul(gradients[i]!).mul(1 - beta2)))
    const nextP = p.map((q, i) => {
      const change = nextM[i]!.ref.mul(size.ref).div(np.sqrt(nextV[i]!.ref).mul(root.ref).add(epsilon))
      return (trained[i]!.decays ? q.mul(keep.ref) : q).sub(change)
    })
    scalars.forEach((scalar) => scalar.dispose())
    return [value, nextP, nextM, nextV] as const
  })

  const values = Object.fromEntries(inputs.map((input) => [input.name, input]))
  const [batch, target] = [decode(values[settings.input.name]!), decode(values[settings.target]!)]
  // A batch may have an axis more in attar's step than in the network.
  const { shape } = tensors[settings.input.tensor]!
  let state: State | undefined
  let at = 0
  const restart = (): void => {
    state?.flat().forEach((array) => array.dispose())
    const p = trained.map(({ tensor }) => constant(tensor))
    const zeros = (): JaxArray[] => p.map(({ shape }) => np.zeros(shape))
    state = [p, zeros(), zeros()]
    at = 0
  }
  const run = async (): Promise<number> => {
    at++
    const [p, m, v] = state!
    const scalars = [
      1 - learningRate * weightDecay,
      learningRate / (1 - beta1 ** at),
      1 / Math.sqrt(1 - beta2 ** at),
    ].map((value) => np.array(value))
    const [value, ...next] = step(p, m, v, np.array(batch).reshape(shape), np.array(target), scalars)
    state = next
    return ((await value.data()) as Float32Array)[0]!
  }
  const begin = performance.now()
  const creation = await timed(async () => {
    await jax.init('wasm')
    jax.defaultDevice('wasm')
    restart()
  })
  const first = await timed(run)
  const coldStartMs = performance.now() - begin
  return {
    start: {
      ...{ fetchMs: fetched.ms, compileMs: null, instantiateMs: creation.ms },
      ...{ firstRunMs: first.ms, coldStartMs },
    },
    ...{ run, restart, variant: 'wasm', memoryBytes: () => null },
    outputs: async () => {
      restart()
      const losses: number[] = []
      while (losses.length < training!.scalars.length) losses.push(await run())
      return [Float32Array.from(losses)]
    },
  }
}
