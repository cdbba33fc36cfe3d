import { describe, expect, it } from 'vitest'
import { accuracyOf, defaultMetric, outputWidth } from '../../compiler/compress/accuracy/metric.ts'
import { bisect, perByte, stepsOf } from '../../compiler/compress/search.ts'

describe('metrics', () => {
  const float = [
    [2, 1],
    [0, 1],
    [3, 1],
    [0, 5],
  ]
  const quantized = [
    [2, 1],
    [1, 0],
    [3, 1],
    [0, 5],
  ]

  it('counts hits and agreement', () => {
    const top1 = accuracyOf('top1', float, quantized, 2, [[0], [1], [0], [0]], 1)
    expect(top1).toMatchObject({ float: 0.75, quantized: 0.5, drop: 0.25, samples: 4, agreement: 0.75 })
    const agreement = accuracyOf('agreement', float, quantized, 2, undefined, 1)
    expect(agreement).toMatchObject({ float: 1, quantized: 0.75, drop: 0.25 })
  })

  it('takes each row of an output with several', () => {
    const rows = accuracyOf('top1', [[1, 0, 0, 1]], [[1, 0, 1, 0]], 2, [[0, 1]], 1)
    expect(rows).toMatchObject({ float: 1, quantized: 0.5 })
  })

  it('computes the area under the ROC curve, ties counted half', () => {
    const scores = [[0.1], [0.4], [0.35], [0.8]]
    const labels = [[0], [0], [1], [1]]
    expect(accuracyOf('auc', scores, [[0], [0], [0], [0]], 1, labels, 1)).toMatchObject({ float: 0.75, quantized: 0.5 })
  })

  it('compares errors against labels, or noise against the float model', () => {
    const labels = [[1], [2]]
    const labelled = accuracyOf('mse', [[1], [3]], [[2], [3]], 1, labels, 1)
    expect(labelled).toMatchObject({ float: 0.5, quantized: 1, drop: 1, agreement: null })
    const free = accuracyOf('mse', [[3], [4]], [[3], [5]], 1, undefined, 1)
    expect(free.drop).toBeCloseTo(1 / 25)
  })

  it('gives an interval that narrows with the samples and repeats itself', () => {
    const sample = (n: number) => {
      const a = Array.from({ length: n }, () => [1, 0])
      const c = a.map((_, i) => (i % 10 === 0 ? [0, 1] : [1, 0]))
      return accuracyOf('agreement', a, c, 2, undefined, 3)
    }
    const [few, many] = [sample(20), sample(2000)]
    const width = ({ interval: [low, high] }: typeof few): number => high - low
    expect(width(many)).toBeLessThan(width(few) / 3)
    expect(many.interval[0]).toBeLessThan(0.1)
    expect(many.interval[1]).toBeGreaterThan(0.1)
    expect(sample(20)).toEqual(few)
  })

  it('picks what suits the outputs', () => {
    expect(outputWidth([1, 12])).toBe(12)
    expect(outputWidth([1, 10, 1, 1])).toBe(10)
    expect([defaultMetric(1, true), defaultMetric(3, true), defaultMetric(3, false)]).toEqual([
      'mse',
      'top1',
      'agreement',
    ])
  })
})

describe('the search', () => {
  it('gives back what is worth most, a level of each layer after the other', () => {
    const integers = { a: 1, b: 5, c: 3, product: 2 }
    // The second step of a is worth more than its first, which it waits for.
    const weights = { a: 4, b: 0.5, c: 2.5 }
    const worth = [integers, weights].map((level) => new Map(Object.entries(level)))
    expect(stepsOf(worth)).toEqual(['b', 'c', 'c', 'product', 'a', 'a', 'b'])
  })

  it('weighs noise by bytes', () => {
    const noises = new Map([
      ['small', 3],
      ['large', 3],
    ])
    const bytes: Record<string, number> = { small: 10, large: 50 }
    expect([...perByte(noises, (layer) => bytes[layer]!)]).toEqual([
      ['small', 9],
      ['large', 1.8],
    ])
  })

  it('finds the fewest layers to give back', async () => {
    for (const needed of [1, 2, 5, 9]) {
      const { best, attempts } = await bisect(
        10,
        async (given) => given,
        (given) => given >= needed,
      )
      expect(best?.given).toBe(needed)
      expect(attempts.length).toBeLessThanOrEqual(6)
    }
    expect(
      (
        await bisect(
          10,
          async (given) => given,
          () => false,
        )
      ).best,
    ).toBeUndefined()
    expect(
      (
        await bisect(
          1,
          async (given) => given,
          () => true,
        )
      ).best,
    ).toBeUndefined()
  })
})
