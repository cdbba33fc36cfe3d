import { describe, expect, test } from 'vitest'
import { arg } from '../../compiler/core/scalar/expr.ts'
import { philox, randomBits } from '../../compiler/core/random/philox.ts'
import { compileExpr } from '../../compiler/core/scalar/scalar.ts'
import { initialize, initializers } from '../../compiler/train/network/initializers.ts'
import { shuffled } from '../../compiler/train/loop/order.ts'

const all = 0xffffffff

describe('random bits', () => {
  // Random123's known-answer vectors for philox4x32-10.
  test.each([
    [
      [0, 0, 0, 0],
      [0, 0],
      [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
    ],
    [
      [all, all, all, all],
      [all, all],
      [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
    ],
    [
      [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      [0xa4093822, 0x299f31d0],
      [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
    ],
  ] as const)('of counter %j and key %j', (counter, key, expected) => {
    expect(randomBits(counter, key)).toEqual(expected)
  })

  test('are those of the expression', () => {
    const args = [0, 1, 2, 3].map((i) => arg(i, 'u32'))
    for (let i = 0; i < 50; i++) {
      const [a, b, c, d] = randomBits([i, 1, 2, 3], [7, 8])
      const counter = [a, b, c, d] as const
      const inGraph = philox(args, [i, all - i]).map((e) => compileExpr(e)(counter))
      expect(randomBits(counter, [i, all - i])).toEqual(inGraph)
    }
  })
})

describe('the order of samples', () => {
  test('has each once, another in each epoch, the same at the same seed', () => {
    const order = shuffled(1000, 5, 0)
    expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 1000 }, (_, i) => i))
    expect(shuffled(1000, 5, 0)).toEqual(order)
    expect(shuffled(1000, 5, 1)).not.toEqual(order)
    expect(shuffled(1000, 6, 0)).not.toEqual(order)
  })

  test('puts each sample in each place equally often', () => {
    const counts = Array.from({ length: 5 }, () => new Array<number>(5).fill(0))
    for (let epoch = 0; epoch < 4000; epoch++)
      shuffled(5, 3, epoch).forEach((sample, place) => counts[place]![sample]!++)
    // 800 expected; five deviations of 25.
    for (const count of counts.flat()) expect(Math.abs(count - 800)).toBeLessThan(126)
  })
})

describe('initializers', () => {
  const fan = { inputs: 50, outputs: 150 }
  const deviations: Record<keyof typeof initializers, number> = {
    zeros: 0,
    ones: 0,
    'he-normal': Math.sqrt(2 / 50),
    'he-uniform': Math.sqrt(2 / 50),
    'glorot-normal': Math.sqrt(2 / 200),
    'glorot-uniform': Math.sqrt(2 / 200),
    'lecun-normal': Math.sqrt(1 / 50),
    'normal-0.02': 0.02,
  }
  test.each(Object.keys(initializers) as (keyof typeof initializers)[])('%s has its mean and deviation', (name) => {
    const values = initialize(name, [100, 200], fan, 1, 0).data as Float32Array
    const mean = values.reduce((a, b) => a + b, 0) / values.length
    const deviation = Math.sqrt(values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length)
    const expected = deviations[name]
    expect(Math.abs(mean - (name === 'ones' ? 1 : 0))).toBeLessThanOrEqual((5 * expected) / Math.sqrt(values.length))
    expect(Math.abs(deviation - expected)).toBeLessThanOrEqual(0.02 * expected)
  })

  test('draw other numbers for another parameter and another seed', () => {
    const first = initialize('he-normal', [8], fan, 1, 0).data
    expect(initialize('he-normal', [8], fan, 1, 1).data).not.toEqual(first)
    expect(initialize('he-normal', [8], fan, 2, 0).data).not.toEqual(first)
    expect(initialize('he-normal', [8], fan, 1, 0).data).toEqual(first)
  })
})
