import { describe, expect, it } from 'vitest'
import * as layers from '../../compiler/train/network/index.ts'
import { trainableNetwork } from '../../compiler/train/network/index.ts'

type Any = (...args: unknown[]) => layers.Layer
const sound = { rate: 8000, window: 256, hop: 128 }
const {
  logMel,
  conv,
  dense,
  depthwise,
  dropout,
  embedding,
  batchNorm,
  layerNorm,
  maxPool,
  averagePool,
  rescaling,
  lstm,
} = layers as unknown as Record<string, Any>
const { flatten, sequential } = layers

describe('a layer says what its arguments may be', () => {
  it.each<[string, () => unknown, RegExp]>([
    ['conv', () => conv!(4, '3'), /A702[^]*conv: size is "3", not a whole number from 1/],
    ['conv', () => conv!(4.5, 3), /conv: channels is 4.5/],
    ['conv', () => conv!(4, 3, { padding: 'vald' }), /conv: padding is "vald", not 'same', 'valid'/],
    [
      'conv',
      () => conv!(4, 3, { strides: 2 }),
      /conv: strides: there is no such field; did you mean "stride"\? There are stride, dilation/,
    ],
    ['conv', () => conv!(4, 3, 'relu'), /conv: its options are "relu", not \{ … \}/],
    ['depthwise', () => depthwise!(3, { groups: 2 }), /depthwise: groups: there is no such field\. There are /],
    ['dense', () => dense!('10'), /dense: units is "10"/],
    ['dense', () => dense!(10, { initializer: 'he' }), /dense: initializer is "he", not one of .*he-normal/],
    ['dropout', () => dropout!(5), /dropout: ratio is 5, not a number from 0 to below 1/],
    ['embedding', () => embedding!(10), /embedding: size is undefined/],
    ['batchNorm', () => batchNorm!({ momentum: 1 }), /batchNorm: momentum is 1/],
    ['layerNorm', () => layerNorm!({ eps: 1 }), /layerNorm: eps: there is no such field/],
    ['maxPool', () => maxPool!('2'), /maxPool: size is "2"/],
    ['averagePool', () => averagePool!(2, { strides: 1 }), /averagePool: strides: there is no such field/],
    [
      'logMel',
      () => logMel!({ ...sound, bin: 8 }),
      /logMel: bins: it is missing; bin: there is no such field; did you mean "bins"\?/,
    ],
    ['rescaling', () => rescaling!(), /rescaling: scale is undefined, not a number/],
    ['lstm', () => lstm!(0), /lstm: units is 0/],
  ])('%s', (_, make, message) => {
    expect(make).toThrow(message)
  })

  const network = (list: unknown, shape: readonly number[]) =>
    trainableNetwork(sequential(list as layers.Layer[]), {
      ...{ input: { dtype: 'f32', shape }, activation: undefined, seed: 1 },
    })

  it('and a network what is no layer, or gets no picture', () => {
    expect(() => network([flatten, dense!(2)], [4, 4])).toThrow(
      /layer 1 of the network is no layer[^]*write flatten\(\)/,
    )
    expect(() => network([{}], [4])).toThrow(/layer 1 of the network is no layer/)
    expect(() => network([conv!(2, 3)], [28, 28])).toThrow(
      /conv: its input is f32\[28, 28\][^]*reshape\(\[28, 28, 1\]\)/,
    )
    expect(() => network([maxPool!(2)], [28])).toThrow(/maxPool: its input is f32\[28\]/)
    expect(() => network([conv!(2, 3, { groups: 3 })], [4, 4, 3])).toThrow(
      /3 channels to 2 do not divide into 3 groups/,
    )
  })
})
