import { describe, expect, it } from 'vitest'
import { evaluator } from '../../compiler/core/executor.ts'
import { compiledExecutor } from '../../compiler/execute.ts'
import {
  choose,
  CostCounter,
  couplings,
  fresh,
  magnitude,
  taylor,
  withoutGroups,
  type Group,
  type Plan,
} from '../../compiler/compress/prune/index.ts'
import {
  adamw,
  samplesOf,
  scorer,
  withValues,
  type FitOptions,
  type TrainableModel,
} from '../../compiler/train/index.ts'
import {
  batchNorm,
  conv,
  dense,
  flatten,
  maxPool,
  relu,
  residual,
  sequential,
  trainableNetwork,
  type Layer,
} from '../../compiler/train/network/index.ts'
import { tensorOf } from '../../compiler/core/tensor.ts'
import { isProduct } from '../../compiler/passes/channels/product-weights.ts'
import { Random } from '../support/random.ts'

const network = (layers: readonly Layer[], shape: readonly number[]): TrainableModel =>
  trainableNetwork(sequential(layers), { input: { dtype: 'f32', shape }, activation: 'softmax', seed: 3 })

const pictures = network(
  [conv(16, 3), batchNorm(), relu(), maxPool(2), conv(24, 3), relu(), flatten(), dense(12), relu(), dense(3)],
  [4, 4, 2],
)
const widths = ({ parameters }: TrainableModel): (number | undefined)[] =>
  parameters.filter(({ decays }) => decays).map(({ start }) => start.shape.at(-1))

const chosen = async (
  limits: Parameters<typeof choose>[3]['limits'],
  scope: 'global' | 'layer' = 'global',
  of: TrainableModel = pictures,
) => {
  const found = couplings(of)
  const choice = await choose(of, found, magnitude(of, found.groups), {
    ...{ limits, scope },
    // Bytes that grow with the parameters.
    measure: (model) => Promise.resolve(4 * new CostCounter(couplings(model), model.parameters).costs.params),
  })
  const model = withoutGroups(of, found, choice.groups)
  expect(new CostCounter(couplings(model), model.parameters).costs).toEqual(choice.costs)
  return { ...choice, model }
}

describe('targets', () => {
  const { costs } = new CostCounter(couplings(pictures), pictures.parameters)

  it('costs are those of the layers', () => {
    const taps = 9 * 16 * 2 * 16 + 9 * 4 * 16 * 24
    expect(costs.macs).toBe(taps + 96 * 12 + 12 * 3)
    expect(costs.params).toBe(9 * 2 * 16 + 16 + 32 + 9 * 16 * 24 + 24 + 96 * 12 + 12 + 12 * 3 + 3)
  })

  it('multiply-adds go by multiples of 8 channels while that is enough', async () => {
    const limit = Math.floor(costs.macs / 2)
    const { model, costs: left, reached } = await chosen({ macs: limit })
    expect(reached).toBe(true)
    expect(left.macs).toBeLessThanOrEqual(limit)
    for (const width of widths(model).slice(0, 2)) expect(width! % 8).toBe(0)
    const { model: small, reached: still } = await chosen({ macs: Math.floor(costs.macs * 0.02) })
    expect(still).toBe(true)
    expect(
      widths(small)
        .slice(0, 2)
        .some((width) => width! < 8),
    ).toBe(true)
  })

  it('parameters go channel by channel, no further than needed', async () => {
    const limit = Math.floor(costs.params * 0.4)
    const { costs: left, groups, model } = await chosen({ params: limit })
    // Channels of the first convolution cost most: the second reads them. It is not emptied for that.
    expect(widths(model)[0]).toBeGreaterThan(4)
    expect(widths(model)[1]).toBeLessThan(24)
    expect(left.params).toBeLessThanOrEqual(limit)
    const counter = new CostCounter(couplings(pictures), pictures.parameters)
    expect(counter.costs.params).toBe(costs.params)
    // A channel of the second convolution is its 9 × 16 weights, its bias and four rows of the product.
    expect(limit - left.params).toBeLessThan(9 * 16 + 1 + 4 * 12)
    expect(groups.length).toBeGreaterThan(10)
  })

  it('layers lose the same share where each is seen by itself', async () => {
    const { model } = await chosen({ params: Math.floor(costs.params * 0.3) }, 'layer')
    const shares = widths(model).map((width, i) => width! / [16, 24, 12, 3][i]!)
    for (const share of shares.slice(0, 3)) expect(Math.abs(share - shares[0]!)).toBeLessThan(0.1)
  })

  it('one of few channels is more of its layer than one of many', async () => {
    const wide = network([conv(8, 3), relu(), flatten(), dense(128), relu(), dense(3)], [6, 6, 1])
    const { params } = new CostCounter(couplings(wide), wide.parameters).costs
    const { model } = await chosen({ params: Math.floor(params / 4) }, 'global', wide)
    // A channel of the convolution has as many parameters as 16 of the dense layer's.
    expect(widths(model)[0]).toBeGreaterThanOrEqual(4)
    expect(widths(model)[1]).toBeLessThan(64)
  })

  it('a channel of a residual stream counts in each layer that has it', async () => {
    const block = () => residual([conv(16, 3), relu(), conv(16, 3)])
    const stream = network([conv(16, 3), block(), block(), flatten(), dense(3)], [4, 4, 8])
    const { macs } = new CostCounter(couplings(stream), stream.parameters).costs
    const { model } = await chosen({ macs: Math.floor(macs * 0.6) }, 'global', stream)
    expect(widths(model)).toEqual([16, 8, 16, 8, 16, 3])
  })

  it('bytes are met by the fewest channels that do', async () => {
    const { bytes, reached, model } = await chosen({ bytes: 8000 })
    expect(reached).toBe(true)
    expect(bytes).toBeLessThanOrEqual(8000)
    expect(bytes).toBeGreaterThan(7000)
    expect(4 * new CostCounter(couplings(model), model.parameters).costs.params).toBe(bytes)
  })

  it('one channel of each layer stays', async () => {
    const { reached, model } = await chosen({ params: 1 })
    expect(reached).toBe(false)
    expect(widths(model)).toEqual([1, 1, 1, 3])
  })
})

describe('importance', () => {
  const random = new Random(4)
  const model = network([dense(5), relu(), dense(3)], [4])
  const { groups } = couplings(model)
  /** The model with what a group has of its parameters times `by`. */
  const scaled = ({ positions }: Group, by: number): TrainableModel => {
    const values = Object.fromEntries(model.parameters.map(({ name, start }) => [name, start.data.slice()]))
    for (const [{ value, axis }, [position]] of positions) {
      const parameter = model.parameters.find((p) => p.value === value)
      if (!parameter) continue
      const { shape } = parameter.start
      const data = values[parameter.name] as Float32Array
      const inner = shape.slice(axis + 1).reduce((n, d) => n * d, 1)
      data.forEach((x, i) => {
        if (Math.floor(i / inner) % shape[axis]! === position) data[i] = x * by
      })
    }
    return withValues(model, values)
  }

  it('by size: what is nearest to zero goes first', () => {
    const small = scaled(groups[2]!, 0.01)
    const found = couplings(small)
    const ranked = [...magnitude(small, found.groups)].sort(([, a], [, b]) => a - b)
    expect(found.groups.indexOf(ranked[0]![0])).toBe(2)
  })

  it('by gradients: what the loss changes by', async () => {
    const samples = samplesOf(
      Array.from({ length: 8 }, (_, i) => ({
        inputs: { input: Float32Array.from({ length: 4 }, () => random.float() * 2 - 1) },
        target: [i % 3],
      })),
    )
    const fitting: FitOptions = {
      ...{
        epochs: 1,
        batch: 8,
        loss: 'cross-entropy',
        optimizer: adamw(),
        learningRate: 1,
        schedule: 'constant',
        seed: 1,
      },
    }
    const found = await taylor(model, groups, { samples, batches: 1, fitting, executor: evaluator })
    const lossOf = async (at: TrainableModel): Promise<number> =>
      (await (await scorer(at, 8, { loss: 'cross-entropy' }, compiledExecutor)).score(samples)).loss
    for (const group of groups) {
      const [more, less] = [await lossOf(scaled(group, 1.01)), await lossOf(scaled(group, 0.99))]
      expect(Math.abs(found.get(group)! - Math.abs(more - less) / 0.02)).toBeLessThan(2e-3)
    }
    expect(Math.max(...found.values())).toBeGreaterThan(0.02)
  })
})

describe('new parameters', () => {
  it('are drawn as the layers were, for the widths that are left', () => {
    const used = withValues(pictures, {
      ...Object.fromEntries(
        pictures.parameters.map(({ name, start }) => [name, new Float32Array(start.data.length).fill(7)]),
      ),
      'batchNorm1.mean': new Float32Array(16).fill(7),
      'batchNorm1.variance': new Float32Array(16).fill(7),
    })
    const anew = fresh(used, 3)
    // At the same widths and seed they are the first ones.
    for (const [i, { start }] of anew.parameters.entries()) expect(start).toEqual(pictures.parameters[i]!.start)
    expect(anew.normalizations[0]!.variance.start).toEqual(tensorOf('f32', [16], new Array<number>(16).fill(1)))
    // Nor does it take the layers to know it.
    const plain = fresh({ ...used, parameters: used.parameters.map(({ initializer: _, ...rest }) => rest) }, 3)
    expect(plain.parameters.map(({ start }) => start)).toEqual(anew.parameters.map(({ start }) => start))
  })
})

it('rounds go on from the times that are left', async () => {
  const found = couplings(pictures)
  const kernels = found.nodes.filter(isProduct).map(({ origin }) => ({
    ...{ kernel: 'f32_igemm_4x8', nodes: [origin!.node], macs: 1, ms: 1 },
  }))
  const plan: Plan = { target: 'simd', runMs: kernels.length, kernels }
  const importance = magnitude(pictures, found.groups)
  const first = await choose(pictures, found, importance, { limits: { ms: 2 }, scope: 'global', plan })
  expect(first.reached).toBe(true)
  expect(first.costs.ms).toBeLessThanOrEqual(2)
  const less = withoutGroups(pictures, found, first.groups)
  const left = new CostCounter(couplings(less), less.parameters, first.plan)
  expect(left.costs.ms).toBeCloseTo(first.costs.ms, 9)
  expect(new CostCounter(found, pictures.parameters, plan).costs.ms).toBeCloseTo(4, 9)
})
