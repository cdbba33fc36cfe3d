import { afterAll, describe, expect, test } from 'vitest'
import { CompileError } from '../../compiler/core/diagnostics/diagnostic.ts'
import type { ParallelExecutor, Replica } from '../../compiler/core/executor.ts'
import { compiledExecutor } from '../../compiler/execute.ts'
import { threadedExecutor } from '../../compiler/threads.ts'
import { augmented, crop, flip, pictureLayout } from '../../compiler/train/augment/index.ts'
import {
  adamw,
  fit,
  samplesOf,
  sgd,
  type Checkpoint,
  type FitOptions,
  type Sample,
  type Samples,
} from '../../compiler/train/index.ts'
import {
  batchNorm,
  conv,
  dense,
  dropout,
  flatten,
  relu,
  sequential,
  trainableNetwork,
  type Layer,
} from '../../compiler/train/network/index.ts'
import { ports } from '../../compiler/train/model/ports.ts'
import { stepperFor } from '../../compiler/train/loop/stepper.ts'
import { Random } from '../support/random.ts'

const threads = { 2: threadedExecutor(2), 3: threadedExecutor(3) }
afterAll(() => Promise.all(Object.values(threads).map((executor) => executor.close())))
/** By the number of workers. */
const executors: Readonly<Record<1 | 2 | 3, ParallelExecutor>> = { 1: compiledExecutor, ...threads }

/** Pictures of three classes, each with a bright row of its own. */
function pictures(count: number, seed: number): Sample[] {
  const random = new Random(seed)
  return Array.from({ length: count }, (_, i) => {
    const x = Float32Array.from({ length: 16 }, (_, at) => (at >> 2 === i % 3 ? 1 : 0) + random.float() - 0.5)
    return { inputs: { input: x }, target: [i % 3] }
  })
}

const network = (layers: readonly Layer[]) =>
  trainableNetwork(sequential(layers), { input: { dtype: 'f32', shape: [4, 4, 1] }, activation: 'softmax', seed: 3 })
const plain = [conv(4, 3), relu(), flatten(), dense(3)]
const rich = [conv(4, 3), batchNorm(), relu(), flatten(), dropout(0.3), dense(3)]

/** 102 samples: the last of the batches of 16 has 6. */
const data = { train: samplesOf(pictures(102, 1)), validation: samplesOf(pictures(50, 2)) }
const options: FitOptions = {
  ...{ epochs: 3, batch: 16, loss: 'cross-entropy', learningRate: 0.05, schedule: 'one-cycle', seed: 1 },
  optimizer: sgd({ momentum: 0.9 }),
}

describe('gradients of micro-batches', () => {
  test.each<[string, number, Partial<FitOptions>]>([
    ['two', 2, {}],
    ['four, the last two of the last batch without samples', 4, {}],
    ['of one sample each', 16, {}],
    ['with weights of classes', 4, { classWeights: [3, 1, 0.2] }],
    ['with smoothed labels', 2, { labelSmoothing: 0.2 }],
    ['that are clipped', 2, { clipNorm: 0.05 }],
    ['with averages and frozen parameters', 2, { average: 0.9, frozen: new Set(['conv1.weight']) }],
  ])('sum up to those of the batch: %s', async (_, accumulate, more) => {
    const settings = { ...options, ...more }
    const whole = await fit(network(plain), data, settings, compiledExecutor)
    const split = await fit(network(plain), data, { ...settings, accumulate }, compiledExecutor)
    expect(split.history).not.toEqual(whole.history)
    for (const [name, values] of Object.entries(whole.best.values))
      values.forEach((value, i) => expect(Number(split.best.values[name]![i]), name).toBeCloseTo(Number(value), 4))
    whole.history.forEach(({ train, validation }, i) => {
      expect(split.history[i]!.train.loss).toBeCloseTo(train.loss, 4)
      expect(split.history[i]!.train.accuracy).toBeCloseTo(train.accuracy!, 2)
      expect(split.history[i]!.validation.loss).toBeCloseTo(validation.loss, 4)
    })
  })

  test('have dropouts of their own', async () => {
    const sums: number[] = []
    const watched = (replica: Replica): Replica => ({
      ...replica,
      run: async () => {
        const outputs = await replica.run()
        sums.push(Number(outputs[ports.sum]![0]))
        return outputs
      },
    })
    const executor: ParallelExecutor = {
      ...compiledExecutor,
      replicate: async (...program) => (await compiledExecutor.replicate(...program)).map(watched),
    }
    const model = network([flatten(), dropout(0.5), dense(3)])
    const stepper = await stepperFor(
      model,
      { batch: 8, accumulate: 4, loss: 'cross-entropy', optimizer: sgd(), seed: 1 },
      executor,
    )
    const same = samplesOf(new Array<Sample>(8).fill(pictures(1, 1)[0]!))
    const chosen = Uint32Array.from({ length: 8 }, (_, i) => i)
    // Without a learning rate nothing changes but the counter.
    const scalars = sgd().scalars({ step: 1, learningRate: 0 })
    const batch = { samples: same, chosen, weightOf: () => 1, epoch: 0, scalars }
    await stepper.step({ ...batch, step: 0 })
    await stepper.step({ ...batch, step: 1 })
    expect(sums).toHaveLength(8)
    expect(new Set(sums).size).toBe(8)
  })
})

test('running statistics take in the mean of those of the micro-batches that have samples', async () => {
  // One step over 20 samples, in micro-batches of 10, 10 and none.
  const all = pictures(20, 4)
  const set = samplesOf(all)
  const order: number[] = []
  const train: Samples = { count: 20, at: (i) => (order.push(i), all[i]!) }
  const model = network([batchNorm(), flatten(), dense(3)])
  const { best } = await fit(
    model,
    { train, validation: set },
    { ...options, epochs: 1, batch: 30, accumulate: 3, optimizer: sgd(), learningRate: 1e-6 },
    compiledExecutor,
  )
  const seen = [order.slice(0, 10), order.slice(10, 20)].map((places) => {
    const values = places.flatMap((i) => Array.from(all[i]!.inputs['input']!, Number))
    const mean = values.reduce((a, b) => a + b, 0) / values.length
    return [mean, values.reduce((a, b) => a + (b - mean) ** 2, 0) / (values.length - 1)] as const
  })
  const mean = (which: 0 | 1): number => (seen[0]![which] + seen[1]![which]) / 2
  expect(Number(best.values['batchNorm1.mean']![0])).toBeCloseTo(0.1 * mean(0), 6)
  expect(Number(best.values['batchNorm1.variance']![0])).toBeCloseTo(0.9 + 0.1 * mean(1), 6)
})

describe('how many workers there are', () => {
  const shown = augmented(data.train, {
    augmentations: [flip('horizontal'), crop({ padding: 1 })],
    ...{ input: 'input', parameters: 1, seed: 1 },
    layout: pictureLayout([1, 4, 4, 1], { layout: 'NHWC', scale: 1, mean: [0], std: [1] }),
  })
  /** As pictures are read from files. */
  const later: Samples = { count: shown.count, at: async (i, epoch) => shown.at(i, epoch) }
  const settings: FitOptions = {
    ...{ ...options, accumulate: 4, optimizer: adamw(), learningRate: 0.01 },
    ...{ classWeights: [1.1, 0.7, 1.3], clipNorm: 1, average: 0.9, labelSmoothing: 0.1 },
  }
  const whole = fit(network(rich), { ...data, train: shown }, settings, compiledExecutor)

  test.each([
    [2, shown],
    [3, shown],
    [3, later],
  ] as const)('changes no bit: %i', async (workers, train) => {
    expect(await fit(network(rich), { ...data, train }, settings, executors[workers])).toEqual(await whole)
  })

  test.each([
    [2, 1],
    [1, 3],
  ] as const)('may be another after an interruption: %i, then %i', async (before, after) => {
    const abort = new AbortController()
    let saved: Checkpoint | undefined
    await fit(network(rich), { ...data, train: shown }, settings, executors[before], {
      onStep: ({ step }) => {
        if (step === 10) abort.abort()
      },
      onCheckpoint: (checkpoint) => void (saved = checkpoint),
      signal: abort.signal,
    })
    expect(saved!.step).toBe(10)
    const resumed = await fit(network(rich), { ...data, train: shown }, settings, executors[after], {}, saved)
    expect(resumed).toEqual(await whole)
  })
})

describe('a loss that is not finite', () => {
  test('is told with its step, and leaves everything as it was', async () => {
    const model = network(rich)
    const stepper = await stepperFor(
      model,
      { batch: 8, accumulate: 4, loss: 'cross-entropy', optimizer: adamw(), average: true, seed: 1 },
      executors[2],
    )
    const samples = pictures(16, 1)
    // In the third of four micro-batches.
    samples[13]!.inputs['input']![2] = NaN
    const step = (step: number) =>
      stepper.step({
        samples: samplesOf(samples),
        chosen: Uint32Array.from({ length: 8 }, (_, i) => 8 * step + i),
        ...{ weightOf: () => 1, epoch: 0, step },
        scalars: { ...adamw().scalars({ step: step + 1, learningRate: 0.01 }), decay: 0.9 },
      })
    const now = () => Object.fromEntries(Object.entries(stepper.state).map(([name, view]) => [name, view.slice()]))
    const start = now()
    expect((await step(0)).loss).toBeGreaterThan(0)
    const before = now()
    expect(before).not.toEqual(start)
    const error: unknown = await step(1).catch((e: unknown) => e)
    expect(error).toBeInstanceOf(CompileError)
    expect((error as CompileError).message).toMatch(/A701[^]*NaN at step 2: the data of input "input" is not finite/)
    expect(now()).toEqual(before)
  })

  test('is told with its layer', async () => {
    const model = network([flatten(), dense(8, { bias: false }), dense(3, { bias: false })])
    for (const { start } of model.parameters) (start.data as Float32Array).fill(1e20)
    const run = fit(model, data, { ...options, accumulate: 2 }, executors[2])
    await expect(run).rejects.toThrow(/at step 1: the result of "dense2"/)
  })
})

describe('is refused:', () => {
  test.each<[string, Partial<FitOptions>, 1 | 2 | 3, RegExp]>([
    ['a batch that does not divide', { accumulate: 3 }, 1, /16 samples does not divide into 3 micro-batches/],
    ['workers without micro-batches', {}, 2, /no work for 2 workers: a batch is one piece[^]*accumulate: 2/],
    ['more workers than micro-batches', { accumulate: 2 }, 3, /no work for 3 workers: a batch is 2 micro/],
  ])('%s', async (_, more, workers, message) => {
    await expect(fit(network(plain), data, { ...options, ...more }, executors[workers])).rejects.toThrow(message)
  })
})

test('a thread that has ended is told, not waited for', async () => {
  const executor = threadedExecutor(2)
  const model = network(plain)
  const settings = { batch: 8, accumulate: 2, loss: 'cross-entropy', optimizer: sgd(), seed: 1 } as const
  const stepper = await stepperFor(model, settings, executor)
  await executor.close()
  const chosen = Uint32Array.from({ length: 8 }, (_, i) => i)
  const scalars = sgd().scalars({ step: 1, learningRate: 0.1 })
  const step = stepper.step({ samples: data.train, chosen, weightOf: () => 1, epoch: 0, step: 0, scalars })
  await expect(step).rejects.toThrow('ended')
})
