import { describe, expect, test } from 'vitest'
import { CompileError } from '../../compiler/core/diagnostics/diagnostic.ts'
import { compiledExecutor } from '../../compiler/execute.ts'
import {
  adamw,
  fit,
  samplesOf,
  sgd,
  type Checkpoint,
  type FitOptions,
  type Sample,
} from '../../compiler/train/index.ts'
import { checkpointArrays, checkpointFrom, fingerprintOf } from '../../compiler/train/loop/checkpoint.ts'
import { ports } from '../../compiler/train/model/ports.ts'
import { trainingStep } from '../../compiler/train/step/step.ts'
import { tensorOf, type Tensor } from '../../compiler/core/tensor.ts'
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
import { Random } from '../support/random.ts'

/** Points of three clouds in four dimensions. */
function clouds(count: number, seed: number): Sample[] {
  const random = new Random(seed)
  return Array.from({ length: count }, (_, i) => {
    const label = i % 3
    const x = Float32Array.from({ length: 4 }, (_, d) => (d === label ? 1.5 : 0) + 2 * random.float() - 1)
    return { inputs: { input: x }, target: [label] }
  })
}

const network = (layers: readonly Layer[], shape = [4]) =>
  trainableNetwork(sequential(layers), { input: { dtype: 'f32', shape }, activation: 'softmax', seed: 3 })

const data = { train: samplesOf(clouds(100, 1)), validation: samplesOf(clouds(60, 2)) }
const options: FitOptions = {
  ...{ epochs: 4, batch: 16, loss: 'cross-entropy', learningRate: 0.02, schedule: 'one-cycle', seed: 1 },
  optimizer: adamw(),
}
const layers = [dense(16), batchNorm(), relu(), dropout(0.2), dense(3)]

describe('a training', () => {
  test('learns, and keeps the epoch that validates best', async () => {
    const { best, history, ended } = await fit(network(layers), data, { ...options, epochs: 8 }, compiledExecutor)
    expect(ended).toBe('done')
    expect(history).toHaveLength(8)
    expect(best.validation.accuracy).toBeGreaterThan(0.85)
    expect(history[7]!.train.loss).toBeLessThan(history[0]!.train.loss / 2)
    const accuracies = history.map(({ validation }) => validation.accuracy!)
    expect(best.validation.accuracy).toBe(Math.max(...accuracies))
  })

  test('gives the same bytes again, and others with another seed', async () => {
    const values = async (seed: number) =>
      (await fit(network(layers), data, { ...options, seed }, compiledExecutor)).best.values
    const first = await values(1)
    expect(await values(1)).toEqual(first)
    expect(await values(2)).not.toEqual(first)
  })

  test.each([
    ['within an epoch', 10],
    ['between epochs', 14],
  ])('goes on from a checkpoint to the same bytes: stopped %s', async (_, steps) => {
    const settings = { ...options, average: 0.9, clipNorm: 1 }
    const whole = await fit(network(layers), data, settings, compiledExecutor)
    const abort = new AbortController()
    let saved: Checkpoint | undefined
    const stopped = await fit(network(layers), data, settings, compiledExecutor, {
      onStep: ({ step }) => {
        if (step === steps) abort.abort()
      },
      onCheckpoint: (checkpoint) => void (saved = checkpoint),
      signal: abort.signal,
    })
    expect(stopped.ended).toBe('interrupted')
    const stored = checkpointFrom(checkpointArrays(saved!, 'same'), 'same', 'the file')
    expect(stored.step).toBe(steps)
    const resumed = await fit(network(layers), data, settings, compiledExecutor, {}, stored)
    expect(resumed).toEqual(whole)
    expect(() => checkpointFrom(checkpointArrays(saved!, 'same'), 'other', 'the file')).toThrow(/another training/)
  })

  test('ends where validation gets no better', async () => {
    const { history, best, ended } = await fit(
      network(layers),
      data,
      { ...options, epochs: 40, patience: 3, schedule: 'constant' },
      compiledExecutor,
    )
    expect(ended).toBe('patience')
    expect(history.length).toBeLessThan(40)
    expect(history.length - 1 - best.epoch).toBe(3)
  })

  test('keeps the last epoch where that is asked for, else the best', async () => {
    const settings = { ...options, epochs: 12, schedule: 'constant', learningRate: 0.3 } as const
    const best = await fit(network(layers), data, settings, compiledExecutor)
    const marks: boolean[] = []
    const last = await fit(network(layers), data, { ...settings, keep: 'last' }, compiledExecutor, {
      onEpoch: (_, isBest) => void marks.push(isBest),
    })
    expect(last.history).toEqual(best.history)
    expect(best.best.epoch).toBeLessThan(11)
    expect(last.best).toMatchObject({ epoch: 11, validation: last.history[11]!.validation })
    expect(last.best.values).not.toEqual(best.best.values)
    expect(marks).not.toContain(true)
  })

  test('leaves frozen parameters and frozen statistics as they were', async () => {
    const model = network(layers)
    const { best } = await fit(
      model,
      data,
      { ...options, frozen: new Set(['dense1.weight']), frozenStatistics: true },
      compiledExecutor,
    )
    const start = (name: string) => model.parameters.find((p) => p.name === name)!.start.data
    expect(best.values['dense1.weight']).toEqual(start('dense1.weight'))
    expect(best.values['dense2.weight']).not.toEqual(start('dense2.weight'))
    expect(best.values['batchNorm1.mean']).toEqual(new Float32Array(16))
  })

  test('takes in running statistics of the population', async () => {
    // One step over all samples: 0.9 of the start and 0.1 of the batch.
    const model = network([batchNorm(), dense(3)])
    const all = clouds(30, 4)
    const set = samplesOf(all)
    const { best } = await fit(
      model,
      { train: set, validation: set },
      { ...options, epochs: 1, batch: 30, optimizer: sgd(), learningRate: 1e-6 },
      compiledExecutor,
    )
    for (let c = 0; c < 4; c++) {
      const values = all.map(({ inputs }) => Number(inputs['input']![c]))
      const mean = values.reduce((a, b) => a + b, 0) / 30
      const variance = values.reduce((a, b) => a + (b - mean) ** 2, 0) / 29
      expect(Number(best.values['batchNorm1.mean']![c])).toBeCloseTo(0.1 * mean, 6)
      expect(Number(best.values['batchNorm1.variance']![c])).toBeCloseTo(0.9 + 0.1 * variance, 5)
    }
  })

  test('drops out while it trains, and not while it validates', async () => {
    const once = async (ratio: number) => {
      const model = network([dense(8), relu(), dropout(ratio), dense(3)])
      const { history } = await fit(
        model,
        { train: data.validation, validation: data.validation },
        { ...options, epochs: 1, batch: 60, optimizer: sgd(), learningRate: 1e-6 },
        compiledExecutor,
      )
      return history[0]!
    }
    const [without, half] = [await once(0), await once(0.5)]
    expect(without.train.loss).toBeCloseTo(without.validation.loss, 4)
    expect(Math.abs(half.train.loss - half.validation.loss)).toBeGreaterThan(0.01)
    expect(half.validation.loss).toBeCloseTo(without.validation.loss, 4)
  })

  test('weighs classes', async () => {
    const model = network([dense(3)])
    const { best } = await fit(
      model,
      { train: samplesOf(clouds(99, 1)), validation: data.validation },
      { ...options, epochs: 20, classWeights: [100, 1, 1], optimizer: sgd({ momentum: 0.9 }), learningRate: 0.1 },
      compiledExecutor,
    )
    // The bias of the class that counts most grows beyond the others.
    const [first, second, third] = best.values['dense1.bias']!
    expect(first).toBeGreaterThan(Number(second) + 0.3)
    expect(first).toBeGreaterThan(Number(third) + 0.3)
  })
})

describe('a loss that is not finite', () => {
  const failure = async (run: Promise<unknown>): Promise<string> => {
    const error: unknown = await run.then(
      () => undefined,
      (e: unknown) => e,
    )
    if (!(error instanceof CompileError)) throw error
    expect(error.diagnostics[0]!.code).toBe('A701')
    return error.message
  }

  test('tells the data that it comes from', async () => {
    const samples = clouds(32, 1)
    samples[20]!.inputs['input']![2] = NaN
    const run = fit(network(layers), { ...data, train: samplesOf(samples) }, options, compiledExecutor)
    expect(await failure(run)).toMatch(/NaN at step [12]: the data of input "input" is not finite/)
  })

  test('tells the layer where numbers grow beyond all bounds', async () => {
    const model = network([dense(8, { bias: false }), dense(3, { bias: false })])
    for (const { start } of model.parameters) (start.data as Float32Array).fill(1e20)
    expect(await failure(fit(model, data, options, compiledExecutor))).toMatch(/at step 1: the result of "dense2"/)
  })

  test('says what to try', async () => {
    const run = fit(
      network([conv(4, 3), relu(), flatten(), dense(3)], [2, 2, 1]),
      data,
      { ...options, optimizer: sgd(), learningRate: 1e30, schedule: 'constant' },
      compiledExecutor,
    )
    expect(await failure(run)).toMatch(/lower the learning rate/)
  })

  test('leaves parameters, moments and statistics as they were before the step', async () => {
    const optimizer = adamw()
    const program = trainingStep(network([dense(4), batchNorm(), dense(3)]), {
      ...{ batch: 2, loss: 'cross-entropy', optimizer, average: true, seed: 1 },
    })
    const instance = await compiledExecutor.instantiate(program.graph, program.state, program.start)
    const step = (value: number): void => {
      instance.inputs['input']!.fill(value as never)
      ;(instance.inputs['input'] as Float32Array)[0] = 1
      instance.inputs[ports.target]!.set([0, 1] as never)
      instance.inputs[ports.weight]!.fill(1 as never)
      const scalars = { ...optimizer.scalars({ step: 1, learningRate: 0.1 }), decay: 0.9 }
      for (const [name, scalar] of Object.entries(scalars)) instance.inputs[ports.scalar(name)]![0] = scalar
      instance.run()
    }
    const now = () => Object.fromEntries(Object.entries(instance.state).map(([name, view]) => [name, view.slice()]))
    step(0.5)
    const before = now()
    expect(before['dense1.weight']).not.toEqual(program.start['dense1.weight']!.data)
    step(NaN)
    expect(now()).toEqual(before)
  })
})

describe('a checkpoint', () => {
  const saved = async (settings = options): Promise<Checkpoint> => {
    let last: Checkpoint | undefined
    await fit(network(layers), data, settings, compiledExecutor, { onCheckpoint: (c) => void (last = c) })
    return last!
  }

  test.each<[string, (arrays: Record<string, Tensor>) => void]>([
    ['no facts', (a) => delete a['meta']],
    ['facts that are no JSON', (a) => (a['meta'] = tensorOf('u8', [3], [123, 123, 123]))],
    ['facts of another kind', (a) => (a['meta'] = tensorOf('u8', [2], [91, 93]))],
    ['no weights', (a) => delete a['state/dense1.weight']],
    ['weights of another length', (a) => (a['state/dense1.weight'] = tensorOf('f32', [2], [1, 2]))],
    [
      'weights of another type',
      (a) => (a['state/dense1.weight'] = tensorOf('f64', [64], new Array<number>(64).fill(0))),
    ],
    ['no best weights', (a) => delete a['best/dense1.weight']],
  ])('with %s is told to be damaged', async (_, damage) => {
    const arrays = checkpointArrays(await saved({ ...options, epochs: 1 }), 'same')
    damage(arrays)
    const again = async () =>
      fit(network(layers), data, options, compiledExecutor, {}, checkpointFrom(arrays, 'same', 'the file'))
    await expect(again()).rejects.toThrow(/A502[^]*damaged/)
  })

  test('of a training that ended without getting better ends again', async () => {
    const settings = { ...options, epochs: 40, patience: 2, schedule: 'constant' } as const
    const first = await saved(settings)
    const again = await fit(network(layers), data, settings, compiledExecutor, {}, first)
    expect(again.ended).toBe('patience')
    expect(again.history).toEqual(first.history)
  })

  test('is of one network, its strides and dropouts included', async () => {
    const of = (more: readonly Layer[]): Promise<string> =>
      fingerprintOf(network([...more, flatten(), dense(3)], [4, 4, 1]), data.train, options)
    const plain = await of([conv(2, 3, { stride: 2 })])
    expect(await of([conv(2, 3, { stride: 2 })])).toBe(plain)
    expect(await of([conv(2, 3, { stride: 2, padding: 1 })])).not.toBe(plain)
    const half = await of([conv(2, 3, { stride: 2 }), dropout(0.5)])
    expect(half).not.toBe(await of([conv(2, 3, { stride: 2 }), dropout(0.4)]))
  })
})

describe('an option that would have no effect is refused:', () => {
  const plain = [dense(3)]
  test.each<[string, readonly Layer[], Partial<FitOptions>]>([
    ['labelSmoothing', plain, { loss: 'mean-squared-error', labelSmoothing: 0.1 }],
    ['classWeights', plain, { loss: 'mean-squared-error', classWeights: [1, 1, 1] }],
    ['classWeights', plain, { classWeights: [1, 1] }],
    ['patience', plain, { keep: 'last', patience: 3 }],
    ['freezeStatistics', plain, { frozenStatistics: true }],
    ['all parameters are frozen', plain, { frozen: new Set(['dense1.weight', 'dense1.bias']) }],
    ['is for a sigmoid at the end', plain, { loss: 'binary-cross-entropy' }],
    ['two classes or more', [dense(1)], {}],
  ])('%s', async (message, given, more) => {
    await expect(fit(network(given), data, { ...options, ...more }, compiledExecutor)).rejects.toThrow(message)
  })
})
