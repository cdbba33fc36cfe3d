import { describe, expect, it } from 'vitest'
import { Histogram, type Observation } from '../../compiler/compress/calibrate.ts'
import { chooseRange, parametersFor, roundTrip } from '../../compiler/compress/range.ts'
import { Random } from '../support/random.ts'

function observed(values: readonly number[]): Observation {
  const histogram = new Histogram()
  histogram.add(values)
  const elements = Float64Array.from(values)
  return {
    min: Math.min(...values),
    max: Math.max(...values),
    histogram,
    elements,
    notFinite: 0,
    count: values.length,
  }
}

describe('parameters', () => {
  it('spread the 256 integers over the range and hit 0', () => {
    expect(parametersFor(0, 255)).toEqual({ scale: 1, zero: 0 })
    expect(parametersFor(-128, 127)).toEqual({ scale: 1, zero: 128 })
    expect(parametersFor(-255, 0)).toEqual({ scale: 1, zero: 255 })
    // Widened to hold 0.
    expect(parametersFor(10, 255)).toEqual({ scale: 1, zero: 0 })
    expect(parametersFor(0, 0)).toEqual({ scale: 1, zero: 0 })
    for (const [low, high] of [
      [-0.3, 1],
      [-7.7, 0.1],
      [2, 3],
    ] as const)
      expect(roundTrip(0, parametersFor(low, high))).toBe(0)
  })

  it('round half to even and saturate', () => {
    const unit = parametersFor(-128, 127)
    expect([0.5, 1.5, -0.5, 300, -300].map((x) => roundTrip(x, unit))).toEqual([0, 2, 0, 127, -128])
  })
})

describe('histogram', () => {
  it('keeps every element while its range grows', () => {
    const histogram = new Histogram()
    const values = [1, -1, 5, 1000, -3000, 0.25, 0]
    histogram.add(values)
    expect(histogram.counts.reduce((a, n) => a + n, 0)).toBe(values.length)
    expect(histogram.low).toBeLessThanOrEqual(-3000)
    expect(histogram.high).toBeGreaterThan(1000)
  })

  it('gives quantiles to the width of a bin', () => {
    const histogram = new Histogram()
    histogram.add(Array.from({ length: 1001 }, (_, i) => i))
    const width = (histogram.high - histogram.low) / histogram.counts.length
    expect(Math.abs(histogram.quantile(0.9) - 900)).toBeLessThanOrEqual(2 * width + 1)
    expect(Math.abs(histogram.quantile(0.1) - 100)).toBeLessThanOrEqual(2 * width + 1)
  })
})

describe('the range', () => {
  const random = new Random(1)
  const many = Array.from({ length: 20_000 }, () => random.float())

  it('is min-max where nothing is rare', () => {
    expect(chooseRange([observed(many)]).clip).toBe(0)
  })

  it('clips one element that would cost millions of others their precision', () => {
    const elements = Float64Array.from(many)
    const seen = [{ ...observed([...many, 40]), elements, count: 20_000_000 }]
    const choice = chooseRange(seen, true)
    expect(chooseRange(seen).high).toBe(40)
    expect(choice.clip).toBeGreaterThan(0)
    expect(choice.high).toBeLessThan(40)
  })

  it('keeps rare large elements that carry the signal', () => {
    const values = [...many.slice(0, 2000), ...Array.from({ length: 10 }, () => 30)]
    expect(chooseRange([observed(values)]).high).toBe(30)
  })

  it('holds all values that share it', () => {
    const choice = chooseRange([observed([0, 1]), observed([-2, 0.5])])
    expect([choice.low, choice.high]).toEqual([-2, 1])
  })
})
