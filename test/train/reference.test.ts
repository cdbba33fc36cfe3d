import { describe, expect, test } from 'vitest'
import { evaluator, type Executor } from '../../compiler/core/executor.ts'
import { nodesOf } from '../../compiler/core/graph.ts'
import { compiledExecutor } from '../../compiler/execute.ts'
import type { TrainableModel } from '../../compiler/train/model/model.ts'
import {
  batchNorm,
  conv,
  dense,
  flatten,
  gelu,
  globalAveragePool,
  gru,
  lstm as lstmLayer,
  maxPool,
  positionEmbedding,
  relu,
  selfAttention,
  sequential,
  trainableNetwork,
  type Layer,
  type Network,
} from '../../compiler/train/network/index.ts'
import { adamw, sgd, type Optimizer } from '../../compiler/train/optimizers/index.ts'
import type { TypedArray } from '../../compiler/core/scalar/dtype.ts'
import { trainableModel } from '../../compiler/train/model/from-onnx.ts'
import { ports } from '../../compiler/train/model/ports.ts'
import { trainingStep } from '../../compiler/train/step/step.ts'
import { inDoubles } from '../support/retype.ts'
import {
  adamwByHand,
  channelStatistics,
  convolve,
  crossEntropy,
  cumulative,
  product,
  sgdByHand,
  slopes,
  zerosLike,
  type Parameters,
} from './by-hand.ts'
import { attentionByHand, gruByHand, lstmByHand as lstmLayerByHand, meanOf } from './by-hand-sequences.ts'
import { lstmByHand, lstmModel, lstmSizes } from './lstm.ts'
import { matrix, range } from './matrices.ts'
import { transformerByHand, transformerModel, transformerSizes } from './transformer.ts'

/** In f64, by the evaluator. */
const exact: Executor = {
  ...evaluator,
  instantiate: (graph, state, start) => evaluator.instantiate(inDoubles(graph), state, start),
}

const pixels = (count: number, seed: number): number[] =>
  range(count).map((i) => Math.fround(Math.sin(i * 12.9898 + seed) * 0.9))

interface Case {
  readonly model: TrainableModel
  /** Parameters that weight decay leaves alone. */
  readonly undecayed: RegExp
  readonly data: Readonly<Record<string, readonly number[]>>
  readonly targets: readonly number[]
  readonly step: (p: Parameters) => { readonly loss: number; readonly gradients: Parameters }
}

const made = (network: Network, input: readonly number[]): TrainableModel =>
  trainableNetwork(network, { input: { dtype: 'f32', shape: input }, activation: 'softmax', seed: 4 })
const imported = (bytes: Uint8Array): TrainableModel => trainableModel(bytes, { seed: 1 }).model

const differences = (loss: (p: Parameters) => number) => (p: Parameters) => ({
  loss: loss(p),
  gradients: slopes(p, loss),
})

const image = (x: readonly number[], at: number, height: number, width: number, channels: number): number[][][] =>
  range(height).map((i) =>
    range(width).map((j) => range(channels).map((c) => x[((at * height + i) * width + j) * channels + c]!)),
  )

const targetsOf = (samples: number, classes: number): number[] => range(samples).map((i) => i % classes)

function perceptron(): Case {
  const [x, targets] = [pixels(24, 1), targetsOf(6, 3)]
  const step = differences((p) => {
    const hidden = product(matrix(x, 4), p['dense1.weight']!, p['dense1.bias']!)
    const active = hidden.map((row) => row.map((v) => v * cumulative(v)))
    return crossEntropy(product(active, p['dense2.weight']!, p['dense2.bias']!), targets)
  })
  const model = made(sequential([dense(5), gelu(), dense(3)]), [4])
  return { model, undecayed: /bias$/, data: { input: x }, targets, step }
}

function convolutional(): Case {
  const [x, targets] = [pixels(64, 1), targetsOf(4, 3)]
  const step = differences((p) => {
    const first = range(4).map((i) => convolve(image(x, i, 4, 4, 1), p['conv1.weight']!, 2))
    const { mean, variance } = channelStatistics(first)
    const [scale, bias] = [p['batchNorm1.scale']!, p['batchNorm1.bias']!]
    const normal = (v: number, c: number): number =>
      Math.max(0, ((v - mean[c]!) / Math.sqrt(variance[c]! + 1e-5)) * scale[c]! + bias[c]!)
    const active = first.map((im) => im.map((row) => row.map((pixel) => pixel.map(normal))))
    const pooled = active.map((im) =>
      range(2).map((i) =>
        range(2).map((j) =>
          range(2).map((c) => Math.max(...[0, 1].flatMap((a) => [0, 1].map((b) => im[2 * i + a]![2 * j + b]![c]!)))),
        ),
      ),
    )

    const second = pooled.map((im) => convolve(im, p['conv2.weight']!, 2, 2, 0))
    const flat = second.map((im) => im.flat().flatMap((pixel) => pixel.map((v, o) => v + p['conv2.bias']![o]!)))
    return crossEntropy(product(flat, p['dense1.weight']!, p['dense1.bias']!), targets)
  })
  const network = sequential([
    ...[conv(2, 3, { bias: false }), batchNorm(), relu(), maxPool(2)],
    ...[conv(2, 3, { stride: 2 }), flatten(), dense(3)],
  ])
  return { model: made(network, [4, 4, 1]), undecayed: /bias$|scale$/, data: { input: x }, targets, step }
}

function transformer(): Case {
  const { steps, vocabulary, classes } = transformerSizes
  const samples = 6
  // Words repeat within a sample and between samples, and some are never read.
  const ids = range(samples * steps).map((i) => (i * i + 3 * i) % (vocabulary - 1))
  const mask = range(samples).flatMap((n) => range(steps).map((t) => (t < steps - (n % 3) ? 1 : 0)))
  const targets = targetsOf(samples, classes)
  return {
    ...{ model: imported(transformerModel()), undecayed: /^b|^[sh]\d|^words|^places/, data: { ids, mask }, targets },
    step: (p) => transformerByHand(p, ids, mask, targets),
  }
}

function lstm(): Case {
  const { steps, inputs, classes } = lstmSizes
  const [x, targets] = [pixels(5 * steps * inputs, 2), targetsOf(5, classes)]
  const model = imported(lstmModel())
  return { model, undecayed: /^b/, data: { x }, targets, step: (p) => lstmByHand(p, x, targets) }
}

const sequence = (x: readonly number[], at: number, length: number, size: number): number[][] =>
  range(length).map((t) => x.slice((at * length + t) * size, (at * length + t + 1) * size))

/** Layers over four samples [length, size], and the vector that `read` makes of each sample, scored by a dense layer. */
function layered(
  layers: readonly Layer[],
  [length, size, classes]: readonly [number, number, number],
  undecayed: RegExp,
  read: (rows: number[][], p: Parameters) => number[],
): Case {
  const [x, targets] = [pixels(4 * length * size, 1), targetsOf(4, classes)]
  const model = made(sequential([...layers, dense(classes)]), [length, size])
  const step = differences((p) => {
    const rows = range(4).map((i) => read(sequence(x, i, length, size), p))
    return crossEntropy(product(rows, p['dense1.weight']!, p['dense1.bias']!), targets)
  })
  return { model, undecayed, data: { input: x }, targets, step }
}

const lstmOfLayers = (): Case =>
  layered([lstmLayer(2)], [5, 3, 3], /[bB]ias$/, (rows, p) => lstmLayerByHand(rows, p, 'lstm1', 2).at(-1)!)

const gruOfLayers = (): Case =>
  layered([gru(3, { sequence: true }), globalAveragePool()], [4, 2, 2], /[bB]ias$/, (rows, p) =>
    meanOf(gruByHand(rows, p, 'gru1', 3)),
  )

const attentionOfLayers = (): Case =>
  layered(
    [positionEmbedding(), selfAttention({ heads: 2 }), globalAveragePool()],
    [3, 4, 3],
    /Bias$|bias$|^positionEmbedding/,
    (rows, p) => {
      const placed = rows.map((row, t) => row.map((v, c) => v + p['positionEmbedding1.weight']![4 * t + c]!))
      return meanOf(attentionByHand(placed, p, 'selfAttention1', 2))
    },
  )

const cases: Record<string, () => Case> = {
  'a perceptron': perceptron,
  'a convolutional network with batch normalization': convolutional,
  'a transformer of two layers': transformer,
  'an LSTM': lstm,
  'a network with an LSTM': lstmOfLayers,
  'a network with a gated recurrent unit, read at every step': gruOfLayers,
  'a network with self-attention': attentionOfLayers,
}

const optimizers: Record<string, { readonly rate: number; readonly make: () => Optimizer }> = {
  adamw: { rate: 0.01, make: () => adamw() },
  sgd: { rate: 0.05, make: () => sgd({ momentum: 0.9, nesterov: true, weightDecay: 0.1 }) },
}

function write(view: TypedArray, values: readonly number[]): void {
  values.forEach((value, i) => (view[i] = view instanceof BigInt64Array ? BigInt(value) : value))
}

/** Steps on the same batch after which all is compared. */
const marks = [1, 20]

interface Reached {
  readonly loss: number
  readonly p: Readonly<Record<string, ArrayLike<number | bigint>>>
}

async function trained({ model, data, targets }: Case, name: string, executor: Executor): Promise<Reached[]> {
  const { rate, make } = optimizers[name]!
  const optimizer = make()
  const program = trainingStep(model, { batch: targets.length, loss: 'cross-entropy', optimizer, seed: 1 })
  const instance = await executor.instantiate(program.graph, program.state, program.start)
  const reached: Reached[] = []
  for (let step = 1; step <= Math.max(...marks); step++) {
    for (const [input, values] of Object.entries(data)) write(instance.inputs[input]!, values)
    write(instance.inputs[ports.target]!, targets)
    write(
      instance.inputs[ports.weight]!,
      targets.map(() => 1),
    )
    const scalars = optimizer.scalars({ step, learningRate: rate })
    for (const [key, value] of Object.entries(scalars)) instance.inputs[ports.scalar(key)]![0] = value
    const loss = Number(instance.run()[ports.loss]![0])
    if (marks.includes(step)) reached.push({ loss, p: structuredClone(instance.state) })
  }
  return reached
}

function byHand({ model, undecayed, step: stepOf }: Case, name: string) {
  const p: Parameters = Object.fromEntries(
    model.parameters.map((q) => [q.name, Array.from(q.start.data as Float32Array)]),
  )
  const decays = Object.fromEntries(model.parameters.map((q) => [q.name, !undecayed.test(q.name)]))
  const [m, v] = [zerosLike(p), zerosLike(p)]
  const reached: { loss: number; p: Parameters }[] = []
  for (let step = 1; step <= Math.max(...marks); step++) {
    const at = stepOf(p)
    if (name === 'adamw') adamwByHand(p, at.gradients, m, v, step, decays)
    else sgdByHand(p, at.gradients, m, decays)
    if (marks.includes(step)) reached.push({ loss: at.loss, p: structuredClone(p) })
  }
  return reached
}

describe.each(Object.entries(cases))('%s', (_, make) => {
  const c = make()
  // Six digits in f64; five in the compiled module, whose f32 has seven.
  test.each(Object.keys(optimizers))(`by %s, after ${marks.join(' and ')} steps`, async (name) => {
    const precise = await trained(c, name, exact)
    const compiled = await trained(c, name, compiledExecutor)
    expect(precise).toHaveLength(marks.length)
    byHand(c, name).forEach((hand, at) => {
      expect(Math.abs(precise[at]!.loss - hand.loss)).toBeLessThan(1e-6 * hand.loss)
      expect(Math.abs(compiled[at]!.loss - hand.loss)).toBeLessThan(1e-5 * hand.loss)
      for (const [key, values] of Object.entries(hand.p)) {
        const largest = Math.max(...values.map(Math.abs))
        const off = (state: ArrayLike<number | bigint>): number =>
          Math.max(...values.map((value, i) => Math.abs(Number(state[i]) - value))) / Math.max(largest, 0.01)
        expect(off(precise[at]!.p[key]!), key).toBeLessThan(1e-6)
        expect(off(compiled[at]!.p[key]!), key).toBeLessThan(1e-5)
      }
    })
  })
})

test('the LSTM is trained as a loop', () => {
  expect(nodesOf(lstm().model.graph).filter(({ op }) => op === 'while')).toHaveLength(1)
})
