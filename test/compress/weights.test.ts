import { describe, expect, it } from 'vitest'
import { carriesBias, quantizeWeights } from '../../compiler/compress/weights.ts'
import { tensorOf } from '../../compiler/core/tensor.ts'
import { Random } from '../support/random.ts'
import { b } from './networks.ts'

const columns = (values: readonly (readonly number[])[]) => {
  const [rows, channels] = [values[0]!.length, values.length]
  const flat = Array.from({ length: rows * channels }, (_, i) => values[i % channels]![Math.floor(i / channels)]!)
  const tensor = tensorOf('f32', [rows, channels], flat)
  return { operand: 1, value: b.constant(tensor), tensor, axis: 1, resultAxis: 1, channels }
}

/** The weights of each channel as they come back. */
const stored = (values: readonly (readonly number[])[], bits: 3 | 4 = 4): number[][] => {
  const { data, scales } = quantizeWeights(columns(values), { bits })
  return values.map((channel, c) => channel.map((_, row) => data[row * values.length + c]! * scales[c]!))
}

it('of 3 bits are exact where they lie on eight steps, and none is outside', () => {
  const steps = Array.from({ length: 8 }, (_, i) => (i - 4) / 4)
  const mirrored = steps.map((v) => -v * 3)
  expect(stored([steps, mirrored], 3)).toEqual([steps, mirrored])
  const random = new Random(6)
  const { data } = quantizeWeights(columns([Array.from({ length: 200 }, () => random.float() ** 3 - 0.3)]), { bits: 3 })
  expect([Math.min(...data), Math.max(...data)].every((q) => q >= -4 && q <= 3)).toBe(true)
})

describe('weights of 4 bits', () => {
  it('are exact where they lie on sixteen steps, whichever sign the largest has', () => {
    const steps = Array.from({ length: 16 }, (_, i) => (i - 8) / 4)
    const mirrored = steps.map((v) => -v * 3)
    expect(stored([steps, mirrored])).toEqual([steps, mirrored])
  })

  it('cut off what is rare for the sake of all others', () => {
    const random = new Random(4)
    const many = Array.from({ length: 400 }, () => random.float() - 0.5)
    const [channel] = stored([[0.8, ...many]])
    expect(Math.abs(channel![0]!)).toBeLessThan(0.75)
    const error = channel!.slice(1).reduce((sum, v, i) => sum + (v - many[i]!) ** 2, 0) / 400
    expect(error).toBeLessThan((0.8 / 8) ** 2 / 12)
  })

  it('of nothing, or with what is no number, leave other channels as they are', () => {
    const steps = Array.from({ length: 16 }, (_, i) => (i - 8) / 4)
    const none = steps.map(() => 0)
    const broken = steps.with(3, NaN)
    const tiny = steps.map((v) => v * 1e-40)
    const [first, second, third, last] = stored([none, broken, tiny, steps])
    expect(first!.every((v) => v === 0)).toBe(true)
    expect(second!.with(3, NaN)).toEqual(broken)
    expect(third!.every((v) => Math.abs(v) < 1e-29)).toBe(true)
    expect(last).toEqual(steps)
  })
})

describe('weights of 8 bits', () => {
  const bias = [3, 2 ** 20]
  const inputScale = 2 ** -8

  it('have scales with which biases fit their integers', () => {
    const { scales, data } = quantizeWeights(
      columns([
        [127, -64],
        [127, -64],
      ]),
      { bias, inputScale },
    )
    // 2^20 / 2^30 / 2^-8 is less than 1; a bias a thousand times larger takes a scale of 2^28 / 2^30 / 2^-8.
    expect([...scales]).toEqual([1, 1])
    expect([...data]).toEqual([127, 127, -64, -64])
    const large = quantizeWeights(columns([[127, -64]]), { bias: [2 ** 28], inputScale })
    expect([...large.scales]).toEqual([64])
    expect([...large.data]).toEqual([2, -1])
  })

  it('say whether they carry a bias that was corrected', () => {
    const weights = quantizeWeights(columns([[1e-9, 1e-9]]), { bias: [4], inputScale })
    expect(weights.scales[0]! * inputScale * 2 ** 30).toBe(4)
    expect(carriesBias(weights, { bias: [4.5], inputScale })).toBe(true)
    expect(carriesBias(weights, { bias: [-5.5], inputScale })).toBe(false)
    expect(carriesBias(weights, { bias: [4], inputScale: inputScale / 2 })).toBe(false)
    expect(carriesBias(weights, { bias: [4e9] })).toBe(true)
  })
})
