import { describe, expect, it } from 'vitest'
import {
  augmented,
  cutMix,
  gain,
  layoutOf,
  mixup,
  pictureLayout,
  type AugmentOptions,
  type Layout,
} from '../../compiler/train/augment/index.ts'
import { beta } from '../../compiler/train/augment/mixing/beta.ts'
import { randomFor } from '../../compiler/train/augment/random.ts'
import { samplesOf, type Sample, type Samples } from '../../compiler/train/loop/samples.ts'

const sound: Layout = { kind: 'sound', length: 4 }
const picture = pictureLayout([1, 2, 6, 5], { layout: 'NCHW', scale: 1, mean: [0, 0], std: [1, 1] })

/** Sample k is full of k + 1, its class is k. */
const levels = (count: number, size: number): Samples =>
  samplesOf(
    Array.from({ length: count }, (_, k) => ({ inputs: { x: new Float32Array(size).fill(k + 1) }, target: [k] })),
  )

const show = (
  samples: Samples,
  augmentations: AugmentOptions['augmentations'],
  layout: Layout,
  more: Partial<AugmentOptions> = {},
) => augmented(samples, { augmentations, input: 'x', layout, parameters: 1, seed: 7, ...more })

const valuesOf = (sample: Sample | Promise<Sample>): number[] => [...((sample as Sample).inputs['x'] as Float32Array)]
const targetOf = (sample: Sample | Promise<Sample>): number[] => Array.from((sample as Sample).target)
const total = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0)

describe('Beta(α, α)', () => {
  it.each([0.05, 0.2, 1, 3])('has the mean 1/2 and the variance 1 / (4 (2 α + 1)): %f', (alpha) => {
    const random = randomFor(5, 6, 15)
    const drawn = Array.from({ length: 4000 }, () => beta(random, alpha))
    expect(drawn.every((x) => x >= 0 && x <= 1)).toBe(true)
    const mean = total(drawn) / 4000
    expect(Math.abs(mean - 0.5)).toBeLessThan(0.025)
    const variance = total(drawn.map((x) => (x - mean) ** 2)) / 4000
    expect(Math.abs(variance * 4 * (2 * alpha + 1) - 1)).toBeLessThan(0.07)
  })
})

describe('mixup', () => {
  it('blends values and classes by one share, with another sample of the set', () => {
    const shown = show(levels(3, 4), [mixup({ alpha: 1 })], sound, { softClasses: 3 })
    const partners = new Set<number>()
    for (let epoch = 0; epoch < 40; epoch++) {
      const sample = shown.at(1, epoch)
      const target = targetOf(sample)
      expect(total(target)).toBeCloseTo(1, 12)
      const level = target.reduce((sum, share, k) => sum + share * (k + 1), 0)
      for (const value of valuesOf(sample)) expect(value).toBeCloseTo(level, 5)
      target.forEach((share, k) => share > 0 && partners.add(k))
    }
    expect(partners).toEqual(new Set([0, 1, 2]))
  })

  it('blends values that are learned', () => {
    const samples = samplesOf([3, 7].map((y) => ({ inputs: { x: new Float32Array(4).fill(y) }, target: [y, -y] })))
    const shown = show(samples, [mixup({ alpha: 1 })], sound)
    const all = Array.from({ length: 20 }, (_, epoch) => shown.at(0, epoch))
    for (const sample of all) {
      const [y] = valuesOf(sample)
      expect(targetOf(sample)[0]).toBeCloseTo(y!, 5)
      expect(targetOf(sample)[1]).toBeCloseTo(-y!, 5)
    }
    expect(all.some((sample) => valuesOf(sample)[0]! > 3.5)).toBe(true)
  })

  it('takes the share of samples that is asked for; the others have a certain class', () => {
    const shown = show(levels(50, 4), [mixup({ alpha: 1, probability: 0.3 })], sound, { softClasses: 50 })
    const all = Array.from({ length: 400 }, (_, i) => targetOf(shown.at(i % 50, i)))
    const alone = all.filter((target, i) => target[i % 50] === 1).length
    expect(Math.abs(alone / 400 - 0.7 - 0.3 / 50)).toBeLessThan(0.07)
  })

  it('takes other samples as they are shown up to there, read whenever they come', async () => {
    const loud = gain({ decibels: 20 })
    const plain = levels(2, 4)
    const late: Samples = { count: 2, at: (i, epoch) => Promise.resolve(plain.at(i, epoch)) }
    const before = show(plain, [loud], sound, { softClasses: 2 })
    const shown = show(plain, [loud, mixup({ alpha: 1 })], sound, { softClasses: 2 })
    for (let epoch = 0; epoch < 20; epoch++) {
      const sample = shown.at(0, epoch)
      const [own, other] = [0, 1].map((i) => valuesOf(before.at(i, epoch))[0]!) as [number, number]
      const [share] = targetOf(sample) as [number]
      expect(valuesOf(sample)[0]).toBeCloseTo(share * own + (1 - share) * other, 4)
      const shownLate = show(late, [loud, mixup({ alpha: 1 })], sound, { softClasses: 2 }).at(0, epoch)
      expect(shownLate).toBeInstanceOf(Promise)
      expect(await shownLate).toEqual(sample)
    }
  })

  it('is for any f32, not for tokens', () => {
    expect(layoutOf('f32', [1, 2, 3, 4])).toEqual({ kind: 'values' })
    expect(valuesOf(show(levels(2, 24), [mixup()], { kind: 'values' }, { softClasses: 2 }).at(0, 0))).toHaveLength(24)
    expect(() => show(levels(2, 4), [mixup()], { kind: 'tokens', length: 4 })).toThrow('is for f32; the data is tokens')
  })
})

describe('CutMix', () => {
  it('takes a rectangle of another picture, and shares the class by its area', () => {
    const shown = show(levels(2, 60), [cutMix()], picture, { softClasses: 2 })
    const shares = new Set<number>()
    for (let epoch = 0; epoch < 60; epoch++) {
      const sample = shown.at(0, epoch)
      const pixels = valuesOf(sample)
      const [, other] = targetOf(sample) as [number, number]
      shares.add(other)
      // Of 30 pixels in two channels.
      expect(pixels.filter((value) => value === 2)).toHaveLength(Math.round(other * 60))
      const places = pixels.flatMap((value, at) =>
        value === 2 && at < 30 ? [[Math.floor(at / 5), at % 5] as const] : [],
      )
      const [rows, columns] = [0, 1].map((k) => new Set(places.map((place) => place[k])).size) as [number, number]
      expect(rows * columns).toBe(places.length)
      expect(pixels.slice(30)).toEqual(pixels.slice(0, 30))
    }
    expect(shares.size).toBeGreaterThan(6)
  })

  it('is for pictures', () => {
    expect(() => show(levels(2, 4), [cutMix()], sound)).toThrow('cutMix 1 1 is for pictures; the data is sounds')
  })
})

it('mixes the same for the same seed, sample and epoch', () => {
  const all = [mixup({ probability: 0.5 }), cutMix({ probability: 0.5 })]
  const run = (seed: number): unknown[] => {
    const shown = show(levels(5, 60), all, picture, { softClasses: 5, seed })
    return Array.from({ length: 20 }, (_, i) => shown.at(i % 5, i))
  }
  expect(run(3)).toEqual(run(3))
  expect(run(4)).not.toEqual(run(3))
})
