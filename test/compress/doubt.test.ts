import { describe, expect, it } from 'vitest'
import { doubts } from '../../compiler/compress/accuracy/doubt.ts'
import { prepareLabels } from '../../compiler/compress/accuracy/labels.ts'
import { accuracyOf } from '../../compiler/compress/accuracy/metric.ts'
import type { Metric } from '../../compiler/core/artefact/quantization-report.ts'
import { Random } from '../support/random.ts'

describe('labels', () => {
  const classes = (...values: number[]): number[][] => values.map((v) => [v])

  it('are the numbers of classes', () => {
    expect(prepareLabels(classes(0, 2, 1), 'top1', 1, 3)).toEqual({ labels: classes(0, 2, 1), notes: [] })
    expect(prepareLabels([[0, 1]], 'top1', 2, 3).labels).toEqual([[0, 1]])
  })

  it('may be one-hot, which is said', () => {
    const hot = [
      [0, 0, 1],
      [1, 0, 0],
    ]
    const { labels, notes } = prepareLabels(hot, 'top1', 1, 3)
    expect(labels).toEqual(classes(2, 0))
    expect(notes.join()).toMatch(/one-hot/)
    expect(prepareLabels([[0, 1]], 'auc', 1, 2).labels).toEqual(classes(1))
    expect(() => prepareLabels([[0.5, 0.5, 0]], 'top1', 1, 3)).toThrow(/A504[^]*sample 0 has 3 values/)
  })

  it.each([
    ['count from 1', [1, 3, 2], /label of sample 1 is 3[^]*count from 1: subtract 1/],
    ['are too large', [0, 1, 9], /label of sample 2 is 9[^]*from 0 to 2/],
    ['are negative', [0, -1], /label of sample 1 is -1/],
    ['are no integers', [0.5], /label of sample 0 is 0.5/],
    ['are NaN', [0, NaN], /label of sample 1 is NaN/],
  ])('are refused with their place where they %s', (_, values, message) => {
    expect(() => prepareLabels(classes(...values), 'top1', 1, 3)).toThrow(message)
  })

  it('are values of any size for mse, but numbers', () => {
    expect(prepareLabels(classes(7.5), 'mse', 1, 1).labels).toEqual(classes(7.5))
    expect(() => prepareLabels(classes(1, NaN), 'mse', 1, 1)).toThrow(/A504[^]*sample 1/)
  })
})

describe('doubts', () => {
  const width = 10
  /** Scores whose largest stands at `best`. */
  const scores = (best: number): number[] => Array.from({ length: width }, (_, i) => (i === best ? 1 : 0))
  const of = (metric: Metric, float: number[][], labels: number[][], columns = width): string[] => {
    const accuracy = accuracyOf(metric, float, float, columns, labels, 1)
    return doubts(metric, float, columns, labels, accuracy)
  }
  const random = new Random(3)
  const truth = Array.from({ length: 200 }, () => random.int(width))
  const guess = truth.map(() => random.int(width))

  it('there are none where a model is right', () => {
    const labels = truth.map((c) => [c])
    expect(of('top1', truth.map(scores), labels)).toEqual([])
    // Also where it is right on a third alone.
    const third = truth.map((c, i) => scores(i % 3 === 0 ? c : guess[i]!))
    expect(of('top1', third, labels)).toEqual([])
  })

  it('at chance few samples are a warning, and many an error', () => {
    const labels = truth.map((c) => [c])
    const float = guess.map(scores)
    expect(of('top1', float.slice(0, 50), labels.slice(0, 50)).join()).toMatch(/in another order[^]*scale of pixels/)
    expect(() => of('top1', float, labels)).toThrow(/A504[^]*does not go with the model[^]*order of channels[^]*layout/)
    // Numbered otherwise, so that none is right.
    const shifted = truth.map((c) => [(c + 1) % width])
    expect(() => of('top1', truth.map(scores), shifted)).toThrow(/right on 0.00 %/)
  })

  it('a model that always says the same is told from a good one', () => {
    const labels = truth.map((_, i) => [i % 20 === 0 ? 1 : 0])
    expect(
      of(
        'top1',
        truth.map(() => scores(0)),
        labels,
      ).join(),
    ).toMatch(/right on 95.00 %[^]*in another order on 95.00 %/)
    expect(
      of(
        'top1',
        truth.map(() => scores(4)),
        truth.map(() => [4]),
      ).join(),
    ).toMatch(/all labels are class 4/)
  })

  it('areas under the curve may be chance, or the wrong way round', () => {
    const labels = truth.map((_, i) => [i % 2])
    const right = labels.map(([y]) => [y! + random.float()])
    expect(of('auc', right, labels, 1)).toEqual([])
    expect(
      of(
        'auc',
        right.map(([s]) => [-s!]),
        labels,
        1,
      ).join(),
    ).toMatch(/other way round/)
    const noise = labels.map(() => [random.float()])
    expect(() => of('auc', noise, labels, 1)).toThrow(/A504[^]*is chance/)
    expect(() =>
      of(
        'auc',
        noise,
        labels.map(() => [1]),
        1,
      ),
    ).toThrow(/both classes/)
  })

  it('errors may be no less than those of a constant', () => {
    const labels = truth.map((c) => [c])
    expect(
      of(
        'mse',
        truth.map((c) => [c + random.float()]),
        labels,
        1,
      ),
    ).toEqual([])
    expect(
      of(
        'mse',
        guess.map((c) => [c]),
        labels,
        1,
      ).join(),
    ).toMatch(/mean of all labels/)
  })

  it('outputs may be no numbers', () => {
    const labels = truth.map((c) => [c])
    const some = truth.map((c, i) => (i === 7 ? scores(c).fill(NaN) : scores(c)))
    expect(of('top1', some, labels).join()).toMatch(/NaN or infinities on 1 of 200/)
    expect(() =>
      of(
        'agreement',
        truth.map(() => scores(0).fill(NaN)),
        labels,
      ),
    ).toThrow(/A504[^]*all 200 samples/)
  })
})
