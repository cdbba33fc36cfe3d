import { describe, expect, it } from 'vitest'
import { Builder } from '../../compiler/core/builder.ts'
import type { TypedArray } from '../../compiler/core/scalar/dtype.ts'
import { compiledExecutor } from '../../compiler/execute.ts'
import { checkpointArrays, checkpointFrom } from '../../compiler/train/loop/checkpoint.ts'
import {
  adamw,
  fit,
  samplesOf,
  sgd,
  sparseParameters,
  type Checkpoint,
  type FitOptions,
  type Sample,
} from '../../compiler/train/index.ts'
import {
  batchNorm,
  conv,
  dense,
  depthwise,
  flatten,
  relu,
  sequential,
  trainableNetwork,
} from '../../compiler/train/network/index.ts'
import { ports } from '../../compiler/train/model/ports.ts'
import { shareAt } from '../../compiler/train/loop/sparsity.ts'
import { Random } from '../support/random.ts'

/** Rows of numbers, of which one of three thirds is larger. */
function thirds(count: number, seed: number): Sample[] {
  const random = new Random(seed)
  return Array.from({ length: count }, (_, i) => {
    const x = Float32Array.from(
      { length: 12 },
      (_, d) => (Math.floor(d / 4) === i % 3 ? 0.7 : 0) + 2 * random.float() - 1,
    )
    return { inputs: { input: x }, target: [i % 3] }
  })
}

const model = trainableNetwork(sequential([dense(18), relu(), dense(3)]), {
  ...{ input: { dtype: 'f32' as const, shape: [12] }, activation: 'softmax' as const, seed: 3 },
})
const names = sparseParameters(model).map(({ name }) => name)
const data = { train: samplesOf(thirds(96, 1)), validation: samplesOf(thirds(60, 2)) }
const options: FitOptions = {
  ...{ epochs: 5, batch: 16, loss: 'cross-entropy', learningRate: 0.02, schedule: 'one-cycle', seed: 1 },
  optimizer: adamw(),
  sparsify: { share: 0.75, block: 4, parameters: names, start: 0, end: 0.5 },
}
const steps = 30
const lastChoice = 15

const zeros = (values: TypedArray | readonly number[]): number =>
  Array.from(values as Float32Array).filter((v) => v === 0).length

/** The checkpoints of a training, one after each epoch. */
async function checkpoints(settings: FitOptions): Promise<Checkpoint[]> {
  const all: Checkpoint[] = []
  await fit(model, data, settings, compiledExecutor, { onCheckpoint: (each) => void all.push(each) })
  return all
}

describe('weights that become zero while a model trains', () => {
  it.each([
    ['AdamW', { optimizer: adamw({ weightDecay: 0.1 }), average: 0.9 }, ['m', 'v']],
    ['momentum', { optimizer: sgd({ momentum: 0.9, weightDecay: 0.01 }), clipNorm: 1 }, ['velocity']],
    ['sums of micro-batches', { accumulate: 2 }, ['m', 'v']],
  ] as const)('stay zero, and so does what is kept of them: %s', async (_, more, slots) => {
    const settings = { ...options, ...more }
    expect(settings.optimizer.slots).toEqual(slots)
    for (const { state, step } of await checkpoints(settings)) {
      for (const name of names) {
        const mask = state[ports.kept(name)]!
        const keys = [name, ...slots.map((slot) => ports.slot(name, slot)), ports.average(name)]
        for (const values of keys.flatMap((key) => state[key] ?? []))
          (mask as Float32Array).forEach((kept, i) => kept === 0 && expect(values[i]).toBe(0))
        const expected = step > lastChoice ? 0.75 : shareAt(0.75, (step - 1) / lastChoice)
        expect(zeros(mask) / mask.length).toBeCloseTo(expected, 1)
      }
    }
  })

  it('are whole blocks of four output channels, the smallest of each layer', async () => {
    const { best, history } = await fit(model, data, options, compiledExecutor)
    expect(history).toHaveLength(5)
    // Those before the last zeros were chosen are no candidates.
    expect((best.epoch + 1) * 6).toBeGreaterThan(lastChoice)
    expect(best.validation.accuracy).toBeGreaterThan(0.6)
    const [first, second] = sparseParameters(model)
    const weights = best.values[first!.name] as Float32Array
    expect(first).toEqual({ name: names[0], axis: 1 })
    // 12 inputs of 18 channels: four blocks of four and one of two.
    expect(zeros(weights)).toBeGreaterThan(0.7 * weights.length)
    let blocks = 0
    for (let row = 0; row < 12; row++)
      for (let n = 0; n < 18; n += 4) {
        const block = Array.from(weights.slice(row * 18 + n, row * 18 + Math.min(n + 4, 18)))
        const count = zeros(block)
        if (count > 0) expect(count).toBe(block.length)
        blocks += count > 0 ? 1 : 0
      }
    expect(blocks).toBe(Math.floor(0.75 * 12 * 5))
    expect(zeros(best.values[second!.name]!)).toBe(Math.floor(0.75 * 18) * 3)
  })

  it('are each by itself without blocks, and only in the parameters that are named', async () => {
    const sparsify = { ...options.sparsify!, block: 1 as const, parameters: [names[0]!] }
    const { best } = await fit(model, data, { ...options, sparsify }, compiledExecutor)
    expect(zeros(best.values[names[0]!]!)).toBe(162)
    expect(zeros(best.values[names[1]!]!)).toBe(0)
  })

  it('may all come before the last step', async () => {
    const sparsify = { ...options.sparsify!, start: 1, end: 1 }
    const { best } = await fit(model, data, { ...options, epochs: 2, sparsify }, compiledExecutor)
    expect(best.epoch).toBe(1)
    expect(zeros(best.values[names[1]!]!)).toBe(Math.floor(0.75 * 18) * 3)
  })

  it.each([4, 13, 20])('go on from a checkpoint to the same bytes: stopped after %d steps', async (stop) => {
    const settings = { ...options, average: 0.9, patience: 3 }
    const whole = await fit(model, data, settings, compiledExecutor)
    const abort = new AbortController()
    let saved: Checkpoint | undefined
    const stopped = fit(model, data, settings, compiledExecutor, {
      onStep: ({ step }) => void (step === stop && abort.abort()),
      onCheckpoint: (checkpoint) => void (saved = checkpoint),
      signal: abort.signal,
    })
    if (stop < lastChoice) await expect(stopped).rejects.toThrow(/before the last weights became zero/)
    else await stopped
    const stored = checkpointFrom(checkpointArrays(saved!, 'same'), 'same', 'the file')
    expect(stored.step).toBe(stop)
    expect(await fit(model, data, settings, compiledExecutor, {}, stored)).toEqual(whole)
    expect(steps).toBeGreaterThan(stop)
  })

  it('come as the schedule says: most of them early', () => {
    expect([0, 0.5, 1].map((done) => shareAt(0.8, done))).toEqual([0, 0.8 * 0.875, 0.8])
  })
})

describe('sparseParameters', () => {
  it('are the weights of dense layers and convolutions, with the axis of their output channels', () => {
    const input = { dtype: 'f32' as const, shape: [6, 6, 2] }
    const layers = [conv(8, 3), batchNorm(), relu(), depthwise(3), conv(4, 1), flatten(), dense(3)]
    const network = trainableNetwork(sequential(layers), { input, activation: 'softmax', seed: 1 })
    const shapes = new Map(network.parameters.map(({ name, start }) => [name, start.shape]))
    expect(
      sparseParameters(network).map(({ name, axis }) => [shapes.get(name)!.length, shapes.get(name)![axis]]),
    ).toEqual([
      [4, 8],
      [4, 4],
      [2, 3],
    ])
  })

  it('are found behind a transpose', () => {
    const b = new Builder(undefined)
    const [parameter] = model.parameters
    const x = model.graph.inputs.find(({ name }) => model.data.includes(name))!
    const { value } = parameter!
    const turned = b.reshape(b.transpose(value, [1, 0]), [18, 4, 3])
    const attrs = { lhsBatch: [], rhsBatch: [], lhsContract: [1], rhsContract: [1] }
    const y = b.dotGeneral(x.value, b.reshape(turned, [18, 12]), attrs)
    const graph = { inputs: model.graph.inputs, outputs: [{ name: 'y', value: y }] }
    expect(sparseParameters({ ...model, graph })).toEqual([{ name: parameter!.name, axis: 1 }])
  })
})
