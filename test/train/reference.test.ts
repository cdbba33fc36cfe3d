import { describe, expect, test } from 'vitest'
import { evaluator, type Executor } from '../../compiler/core/executor.ts'
import { compiledExecutor } from '../../compiler/execute.ts'
import type { TrainableModel } from '../../compiler/train/model.ts'
import {
  batchNorm,
  conv,
  dense,
  flatten,
  gelu,
  globalAveragePool,
  gru,
  lstm,
  maxPool,
  positionEmbedding,
  relu,
  selfAttention,
  sequential,
  trainableNetwork,
  type Network,
} from '../../compiler/train/network/index.ts'
import { adamw, sgd, type Optimizer } from '../../compiler/train/optimizers/index.ts'
import { ports } from '../../compiler/train/ports.ts'
import { trainingStep } from '../../compiler/train/step.ts'
import { inDoubles } from '../support/retype.ts'
import { attentionByHand, gruByHand, lstmByHand, meanOf } from './by-hand-sequences.ts'
import {
  adamwByHand,
  channelStatistics,
  convolve,
  crossEntropy,
  product,
  range,
  sgdByHand,
  slopes,
  type Parameters,
} from './by-hand.ts'

/** In f64, by the evaluator. */
const exact: Executor = {
  ...evaluator,
  instantiate: (graph, state, start) => evaluator.instantiate(inDoubles(graph), state, start),
}

const pixels = (count: number, seed: number): number[] =>
  range(count).map((i) => Math.fround(Math.sin(i * 12.9898 + seed) * 0.9))

interface Case {
  readonly network: Network
  readonly input: readonly number[]
  readonly samples: number
  readonly classes: number
  readonly loss: (p: Parameters, x: readonly number[], targets: readonly number[]) => number
}

const image = (x: readonly number[], at: number, height: number, width: number, channels: number): number[][][] =>
  range(height).map((i) =>
    range(width).map((j) => range(channels).map((c) => x[((at * height + i) * width + j) * channels + c]!)),
  )

const sequence = (x: readonly number[], at: number, length: number, size: number): number[][] =>
  range(length).map((t) => x.slice((at * length + t) * size, (at * length + t + 1) * size))

const cases: Record<string, Case> = {
  'a perceptron': {
    network: sequential([dense(5), gelu(), dense(3)]),
    input: [4],
    samples: 6,
    classes: 3,
    loss: (p, x, targets) => {
      const rows = range(6).map((i) => x.slice(4 * i, 4 * i + 4))
      const hidden = product(rows, p['dense1.weight']!, p['dense1.bias'])
      return crossEntropy(
        product(
          hidden.map((row) => row.map(geluByHand)),
          p['dense2.weight']!,
          p['dense2.bias'],
        ),
        targets,
      )
    },
  },
  'a convolutional network with batch normalization': {
    network: sequential([
      conv(2, 3, { bias: false }),
      batchNorm(),
      relu(),
      maxPool(2),
      conv(2, 3, { stride: 2 }),
      flatten(),
      dense(3),
    ]),
    input: [4, 4, 1],
    samples: 4,
    classes: 3,
    loss: (p, x, targets) => {
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
      return crossEntropy(product(flat, p['dense1.weight']!, p['dense1.bias']), targets)
    },
  },
  'a long short-term memory': {
    network: sequential([lstm(2), dense(3)]),
    input: [5, 3],
    samples: 4,
    classes: 3,
    loss: (p, x, targets) =>
      crossEntropy(
        product(
          range(4).map((i) => lstmByHand(sequence(x, i, 5, 3), p, 'lstm1', 2).at(-1)!),
          p['dense1.weight']!,
          p['dense1.bias'],
        ),
        targets,
      ),
  },
  'a gated recurrent unit, read at every step': {
    network: sequential([gru(3, { sequence: true }), globalAveragePool(), dense(2)]),
    input: [4, 2],
    samples: 4,
    classes: 2,
    loss: (p, x, targets) =>
      crossEntropy(
        product(
          range(4).map((i) => meanOf(gruByHand(sequence(x, i, 4, 2), p, 'gru1', 3))),
          p['dense1.weight']!,
          p['dense1.bias'],
        ),
        targets,
      ),
  },
  'self-attention': {
    network: sequential([positionEmbedding(), selfAttention({ heads: 2 }), globalAveragePool(), dense(3)]),
    input: [3, 4],
    samples: 4,
    classes: 3,
    loss: (p, x, targets) =>
      crossEntropy(
        product(
          range(4).map((i) => {
            const placed = sequence(x, i, 3, 4).map((row, t) =>
              row.map((v, c) => v + p['positionEmbedding1.weight']![4 * t + c]!),
            )
            return meanOf(attentionByHand(placed, p, 'selfAttention1', 2))
          }),
          p['dense1.weight']!,
          p['dense1.bias'],
        ),
        targets,
      ),
  },
}

function geluByHand(x: number): number {
  // erf by its series (Abramowitz & Stegun 7.1.5), enough terms for |x| < 4.
  const z = x / Math.SQRT2
  let [term, total] = [z, z]
  for (let n = 1; n < 60; n++) {
    term *= (-z * z) / n
    total += term / (2 * n + 1)
  }
  return 0.5 * x * (1 + (2 / Math.sqrt(Math.PI)) * total)
}

const optimizers: Record<string, { readonly rate: number; readonly make: () => Optimizer }> = {
  adamw: { rate: 0.01, make: () => adamw() },
  sgd: { rate: 0.05, make: () => sgd({ momentum: 0.9, nesterov: true, weightDecay: 0.1 }) },
}

/** Parameters and loss after some steps on the same batch. */
async function trained(model: TrainableModel, c: Case, name: string, steps: number, executor: Executor) {
  const { rate, make } = optimizers[name]!
  const optimizer = make()
  const program = trainingStep(model, { batch: c.samples, loss: 'cross-entropy', optimizer, seed: 1 })
  const instance = await executor.instantiate(program.graph, program.state, program.start)
  let loss = NaN
  for (let step = 1; step <= steps; step++) {
    instance.inputs['input']!.set(dataOf(c) as never)
    instance.inputs[ports.target]!.set(targetsOf(c) as never)
    instance.inputs[ports.weight]!.set(range(c.samples).map(() => 1) as never)
    const scalars = optimizer.scalars({ step, learningRate: rate })
    for (const [key, value] of Object.entries(scalars)) instance.inputs[ports.scalar(key)]![0] = value
    loss = Number(instance.run()[ports.loss]![0])
  }
  return { loss, state: instance.state }
}

const dataOf = (c: Case): number[] => pixels(c.samples * c.input.reduce((a, d) => a * d, 1), 1)
const targetsOf = (c: Case): number[] => range(c.samples).map((i) => i % c.classes)

function byHand(model: TrainableModel, c: Case, name: string, steps: number) {
  const zeros = (): Parameters =>
    Object.fromEntries(
      model.parameters
        .map((p) => [p.name, p.start.data.length])
        .map(([n, l]) => [n, new Array<number>(l as number).fill(0)]),
    )
  const p: Parameters = Object.fromEntries(
    model.parameters.map((q) => [q.name, Array.from(q.start.data as Float32Array)]),
  )
  const decays = Object.fromEntries(model.parameters.map((q) => [q.name, q.decays]))
  const [m, v] = [zeros(), zeros()]
  let loss = NaN
  for (let step = 1; step <= steps; step++) {
    const of = (q: Parameters): number => c.loss(q, dataOf(c), targetsOf(c))
    loss = of(p)
    const g = slopes(p, of)
    if (name === 'adamw') adamwByHand(p, g, m, v, step, decays)
    else sgdByHand(p, g, m, decays)
  }
  return { loss, p }
}

describe.each(Object.entries(cases))('%s', (_, c) => {
  const model = trainableNetwork(c.network, { input: { dtype: 'f32', shape: c.input }, activation: 'softmax', seed: 4 })
  describe.each(Object.keys(optimizers))('by %s', (name) => {
    test.each([1, 20])('%i steps', async (steps) => {
      const hand = byHand(model, c, name, steps)
      const precise = await trained(model, c, name, steps, exact)
      const compiled = await trained(model, c, name, steps, compiledExecutor)
      expect(Math.abs(precise.loss - hand.loss)).toBeLessThan(1e-6 * hand.loss)
      expect(Math.abs(compiled.loss - hand.loss)).toBeLessThan(1e-4 * hand.loss)
      for (const [key, values] of Object.entries(hand.p)) {
        const largest = Math.max(...values.map(Math.abs))
        const off = (state: ArrayLike<number | bigint>): number =>
          Math.max(...values.map((value, i) => Math.abs(Number(state[i]) - value))) / Math.max(largest, 0.01)
        expect(off(precise.state[key]!), key).toBeLessThan(1e-6)
        expect(off(compiled.state[key]!), key).toBeLessThan(2e-3)
      }
    })
  })
})
