import { describe, expect, it } from 'vitest'
import { tensorOf } from '../../compiler/core/tensor.ts'
import type { DType } from '../../compiler/core/scalar/dtype.ts'
import { compare, defaultTolerance, merge, sqnrDb, type Comparison } from '../../compiler/verify/compare.ts'

const of = (actual: (number | bigint)[], expected: (number | bigint)[], dtype: DType = 'f32'): Comparison =>
  compare(tensorOf(dtype, [actual.length], actual), tensorOf(dtype, [expected.length], expected), defaultTolerance)

describe('compare', () => {
  it('admits 1e-4 + 1e-3 |expected| and no more', () => {
    expect(of([1e-4 * 0.99], [0]).wrong).toBeUndefined()
    expect(of([1e-4 * 1.01], [0]).wrong).toMatch(/ at \[0\], expected 0$/)
    expect(of([100.1], [100]).wrong).toBeUndefined()
    expect(of([100.11], [100]).wrong).toBeDefined()
    // Measured against the expected value, not the actual one.
    expect(of([1.2e-4 + 1000 * 1.00101], [1000]).wrong).toBeDefined()
  })

  it('measures the largest errors', () => {
    const found = of([1.5, -2, 0.001], [1, -4, 0], 'f64')
    expect(found.maxAbs).toBe(2)
    // The expected 0 has no relative error.
    expect(found.maxRel).toBe(0.5)
  })

  it('takes NaN for NaN and an infinity for itself only', () => {
    const special = [NaN, Infinity, -Infinity]
    for (const a of [...special, 1]) {
      for (const b of [...special, 1]) {
        const { wrong, maxAbs } = of([a], [b])
        expect(wrong === undefined, `${a} for ${b}`).toBe(Object.is(a, b))
        expect(maxAbs).toBe(Object.is(a, b) ? 0 : Infinity)
      }
    }
  })

  it('takes integers and booleans exactly, to 64 bits', () => {
    expect(of([1000], [1001], 'i32').wrong).toBe('1000 at [0], expected 1001')
    expect(of([1], [0], 'bool').wrong).toBeDefined()
    expect(of([2n ** 63n - 1n], [2n ** 63n - 2n], 'i64')).toMatchObject({ maxAbs: 1, wrong: expect.any(String) })
    expect(of([2n ** 64n - 1n], [2n ** 64n - 1n], 'u64').wrong).toBeUndefined()
  })

  it('admits a step or two of a format with fewer bits, unless told otherwise', () => {
    const judged = (dtype: DType, actual: number, tolerance = {}): boolean =>
      compare(tensorOf(dtype, [1], [actual]), tensorOf(dtype, [1], [1]), tolerance).wrong === undefined
    expect([1 + 2 ** -10, 1 + 2 ** -7, 1 + 2 ** -6].map((x) => judged('f16', x))).toEqual([true, true, false])
    expect([1 + 2 ** -7, 1 + 2 ** -5, 1 + 2 ** -3].map((x) => judged('bf16', x))).toEqual([true, true, false])
    expect(judged('f32', 1 + 2 ** -7)).toBe(false)
    expect(judged('f16', 1 + 2 ** -7, { atol: 0, rtol: 1e-3 })).toBe(false)
    expect(judged('f16', 1 + 2 ** -6, { rtol: 0.1 })).toBe(true)
  })

  it('decodes half floats', () => {
    expect(of([1.001], [1], 'f16').wrong).toBeUndefined()
    expect(of([1.01], [1], 'f16').maxAbs).toBeCloseTo(0.01, 3)
  })

  it('takes no other shape or dtype', () => {
    const t = tensorOf('f32', [2, 1], [1, 2])
    expect(compare(t, tensorOf('f32', [2], [1, 2]), defaultTolerance).wrong).toBe('f32[2,1], expected f32[2]')
    expect(compare(t, tensorOf('f64', [2, 1], [1, 2]), defaultTolerance).wrong).toBe('f32[2,1], expected f64[2,1]')
  })

  it('says where', () => {
    const t = tensorOf('i8', [2, 3], [0, 0, 0, 0, 0, 0])
    expect(compare(t, tensorOf('i8', [2, 3], [0, 0, 0, 0, 0, 7]), defaultTolerance).wrong).toBe(
      '0 at [1,2], expected 7',
    )
  })

  it('measures signal to noise and agreement over several comparisons', () => {
    const a = compare(tensorOf('f64', [2, 2], [3, 4, 1, 0]), tensorOf('f64', [2, 2], [3, 4, 0, 1]), defaultTolerance)
    expect([a.rows, a.agreeing, a.signal, a.noise]).toEqual([2, 1, 26, 2])
    const both = merge(a, compare(tensorOf('f64', [1, 2], [10, 0]), tensorOf('f64', [1, 2], [10, 0]), defaultTolerance))
    expect([both.rows, both.agreeing]).toEqual([3, 2])
    expect(both.wrong).toBe(a.wrong)
    expect(sqnrDb(both)).toBeCloseTo(10 * Math.log10(126 / 2), 12)
    expect(sqnrDb(of([1], [1]))).toBe(Infinity)
  })
})
