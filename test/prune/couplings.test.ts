import { describe, expect, it } from 'vitest'
import { Builder } from '../../compiler/core/builder.ts'
import * as f from '../../compiler/core/scalar/formula.ts'
import type { Value } from '../../compiler/core/graph.ts'
import { couplings } from '../../compiler/compress/prune/index.ts'
import {
  averagePool,
  batchNorm,
  conv,
  dense,
  depthwise,
  flatten,
  globalAveragePool,
  layerNorm,
  maxPool,
  relu,
  residual,
  sequential,
  sigmoid,
  trainableNetwork,
  type Layer,
} from '../../compiler/train/network/index.ts'
import type { TrainableModel } from '../../compiler/train/index.ts'
import { Random } from '../support/random.ts'
import { graphOf, inputOf, randomTensor } from '../support/run-graph.ts'
import { bothWays, modelOf, outputsOf } from './models.ts'

const random = new Random(3)
const b = new Builder({ node: 'layer', operator: 'Test', opset: 1 })

const network = (layers: readonly Layer[], shape: readonly number[] = [6, 6, 2]): TrainableModel =>
  trainableNetwork(sequential(layers), { input: { dtype: 'f32', shape }, activation: 'softmax', seed: 3 })

/** What each group has of the parameters: `name axis: positions`, those of one axis together. */
function slices(model: TrainableModel, frozen?: ReadonlySet<string>): string[] {
  const names = new Map(model.parameters.map(({ name, value }) => [value, name]))
  return couplings(model, frozen).groups.map(({ positions }) =>
    [...positions]
      .flatMap(([{ value, axis }, list]) => (names.has(value) ? [`${names.get(value)}.${axis}[${list.join()}]`] : []))
      .sort()
      .join(' '),
  )
}

/** Expects that the model computes the same without groups and with zeros for them, and that it has some. */
function expectRemovable(model: TrainableModel): void {
  // Biases and statistics that are not what they start from.
  const drawn: TrainableModel = {
    ...model,
    parameters: model.parameters.map((p) => ({ ...p, start: randomTensor(random, 'f32', p.start.shape) })),
  }
  const inputs = Object.fromEntries(
    model.graph.inputs
      .filter(({ name }) => model.data.includes(name))
      .map(({ name, value }) => [name, randomTensor(random, 'f32', value.type.shape)]),
  )
  let gone = 0
  for (let trial = 0; trial < 5; trial++) {
    const { groups, masked, removed } = bothWays(drawn, () => random.float() < 0.6)
    expect(outputsOf(removed, inputs)).toEqual(outputsOf(masked, inputs))
    gone += groups.length
  }
  expect(gone).toBeGreaterThan(0)
}

/** `v` times weights of so many outputs. */
const product = (v: Value, outputs: number): Value =>
  b.dotGeneral(v, b.constant(randomTensor(random, 'f32', [v.type.shape[1]!, outputs])), {
    ...{ lhsBatch: [], rhsBatch: [], lhsContract: [1], rhsContract: [0] },
  })

describe('a group of channels', () => {
  it('has a filter, its bias, its normalization, and what reads the channel', () => {
    const model = network([conv(3, 3), batchNorm(), relu(), conv(2, 3), relu(), globalAveragePool(), dense(2)])
    expect(slices(model).slice(0, 3)).toEqual(
      [0, 1, 2].map(
        (c) =>
          `batchNorm1.bias.0[${c}] batchNorm1.scale.0[${c}] conv1.bias.0[${c}] conv1.weight.3[${c}] conv2.weight.2[${c}]`,
      ),
    )
    expect(slices(model)).toHaveLength(5)
    expectRemovable(model)
  })

  it('goes through depthwise convolutions', () => {
    const model = network([conv(3, 1), relu(), depthwise(3), relu(), maxPool(2), flatten(), dense(2)])
    expect(slices(model)[1]).toBe(
      'conv1.bias.0[1] conv1.weight.3[1] dense1.weight.0[1,4,7,10,13,16,19,22,25] depthwise1.bias.0[1] depthwise1.weight.3[1]'
        .split(' ')
        .sort()
        .join(' '),
    )
    expectRemovable(model)
  })

  it('takes all that is added up', () => {
    const model = network([
      conv(4, 3),
      residual([relu(), conv(3, 1), relu(), conv(4, 1)]),
      averagePool(2),
      flatten(),
      dense(3),
    ])
    expect(slices(model).filter((text) => text.includes('conv1'))).toHaveLength(4)
    expect(slices(model)[0]).toMatch(
      /conv1.bias.*conv1.weight.3\[0\].*conv2.weight.2\[0\].*conv3.weight.3\[0\].*dense1/,
    )
    expectRemovable(model)
  })

  it('takes groups of convolutions whole', () => {
    const model = network([conv(6, 1), relu(), conv(4, 3, { groups: 2 }), relu(), globalAveragePool(), dense(2)])
    expect(slices(model)[0]).toMatch(/conv1.weight.3\[0,1,2\].*conv2.weight.3\[0,1\].*dense1.weight.0\[0,1\]/)
    expect(slices(model)).toHaveLength(2)
    expectRemovable(model)
  })

  it('is cut to parts by concatenations and slices', () => {
    const x = inputOf('x', 'f32', [1, 3])
    const both = b.concatenate([product(x, 3), b.slice(product(x, 5), [0, 1], [1, 4], [1, 1])], 1)
    const model = modelOf(graphOf([x], [product(both, 2)]))
    expect(slices(model).sort()).toEqual([
      ...['w0.1[0] w2.0[0]', 'w0.1[1] w2.0[1]', 'w0.1[2] w2.0[2]', 'w1.1[0]'],
      ...[1, 2, 3, 4].map((i) => `w1.1[${i}] w2.0[${i + 2}]`),
    ])
    expectRemovable(model)
  })

  it('is not there where a slice takes it alone, or takes every second one', () => {
    const x = inputOf('x', 'f32', [1, 3])
    const three = product(x, 3)
    const alone = modelOf(graphOf([x], [b.binary('add', product(three, 2), b.slice(three, [0, 1], [1, 1], [1, 1]))]))
    expect(slices(alone)).toEqual([0, 2].map((i) => `w0.1[${i}] w1.0[${i}]`))
    expectRemovable(alone)
    const even = b.slice(product(x, 6), [0, 0], [1, 3], [1, 2])
    expect(slices(modelOf(graphOf([x], [product(even, 2)])))).toEqual([])
  })

  it('takes heads of attention whole', () => {
    const [length, heads, size] = [4, 3, 2]
    const x = inputOf('x', 'f32', [length, 5])
    const split = (): Value => b.transpose(b.reshape(product(x, heads * size), [length, heads, size]), [1, 0, 2])
    const [q, k, v] = [split(), split(), split()]
    const scores = b.dotGeneral(q, k, { lhsBatch: [0], rhsBatch: [0], lhsContract: [2], rhsContract: [2] })
    const powers = b.map([scores, b.reduce('max', scores, [2], true)], (s, m) => f.exp(f.sub(s, m)))
    const shares = b.binary('div', powers, b.reduce('add', powers, [2], true))
    const mixed = b.dotGeneral(shares, v, { lhsBatch: [0], rhsBatch: [0], lhsContract: [2], rhsContract: [1] })
    const joined = b.reshape(b.transpose(mixed, [1, 0, 2]), [length, heads * size])
    const model = modelOf(graphOf([x], [product(joined, 2)]))
    expect(slices(model)).toEqual(['0,1', '2,3', '4,5'].map((at) => `w0.1[${at}] w1.1[${at}] w2.1[${at}] w3.0[${at}]`))
    expectRemovable(model)
  })

  it('has what two products of data sum over, where that vanishes', () => {
    const x = inputOf('x', 'f32', [4, 5])
    const scores = (q: Value, k: Value) =>
      modelOf(graphOf([x], [b.dotGeneral(q, k, { lhsBatch: [], rhsBatch: [], lhsContract: [1], rhsContract: [1] })]))
    const model = scores(
      b.map([product(x, 3)], (e) => f.max(e, 0)),
      product(x, 3),
    )
    expect(slices(model)).toEqual([0, 1, 2].map((i) => `w0.1[${i}] w1.1[${i}]`))
    expectRemovable(model)
    const lifted = (): Value => b.map([product(x, 3)], (e) => f.exp(e))
    expect(slices(scores(lifted(), lifted()))).toEqual([])
  })

  it('is not there for outputs, frozen parameters, and means and deviations of its axis', () => {
    expect(slices(network([flatten(), dense(4)]))).toEqual([])
    expect(slices(network([flatten(), dense(4), layerNorm(), dense(2)]))).toEqual([])
    expect(slices(network([conv(4, 3), conv(4, 3), flatten(), dense(2)]), new Set(['conv2.weight']))).toEqual([])
    const open = network([conv(4, 3), sigmoid(), conv(4, 3), flatten(), dense(2)])
    expect(slices(open, new Set(['dense1.weight']))).toHaveLength(4)
    expectRemovable(open)
  })
})
