import { describe, expect, it } from 'vitest'
import { prefersSparseIntegers } from '../../compiler/schedule/kernels/integer-choice.ts'
import {
  preferredForm,
  prefersGemv,
  preferredTile,
  type SparseProduct,
} from '../../compiler/schedule/kernels/choice.ts'

describe('prefersGemv', () => {
  it('is for few rows and many columns', () => {
    expect(prefersGemv(1, 256, 64)).toBe(true)
    expect(prefersGemv(2, 256, 64)).toBe(true)
    expect(prefersGemv(16, 256, 64)).toBe(false)
    expect(prefersGemv(4, 8, 64)).toBe(false)
  })
})

describe('preferredTile', () => {
  it('is for enough pixels and channels to repay the transforms', () => {
    const tile = (pixels: number, channels: number, outputs: number) => preferredTile(pixels, channels, outputs, [2, 4])
    expect(tile(50176, 64, 64)).toBe(4)
    expect(tile(1024, 16, 16)).toBe(4)
    expect(tile(50176, 32, 9)).toBe(4)
    expect(tile(64, 64, 64)).toBe(2)
    expect(tile(16, 16, 16)).toBe(undefined)
    expect(tile(4, 64, 64)).toBe(undefined)
  })

  it('is one of those that a layer can have', () => {
    expect(preferredTile(50176, 64, 64, [2])).toBe(2)
    expect(preferredTile(50176, 64, 64, [])).toBe(undefined)
  })
})

describe('preferredForm', () => {
  const dense = { M: 196, N: 128, K: 128, kernel: 'igemm', vectors: false, bytes: 4 * 128 * 128 } as const
  const form = (width: 4 | 1, share: number): SparseProduct => {
    const entries = Math.round((128 * 128 * (1 - share)) / width)
    return { width, entries, bytes: entries * (4 * width + 1) }
  }

  it('takes lists where they are faster by more than costs are off', () => {
    for (const width of [4, 1] as const) {
      for (const share of [0.8, 0.9]) expect(preferredForm(dense, [form(width, share)], 'speed')?.width).toBe(width)
      expect(preferredForm(dense, [form(width, 0.1)], 'speed')).toBe(undefined)
      expect(preferredForm(dense, [form(width, 0.9)], 'off')).toBe(undefined)
    }
  })

  it('takes smaller ones that are slower where size counts', () => {
    const row = { ...dense, M: 1, kernel: 'gemv', vectors: true } as const
    expect(preferredForm(row, [form(1, 0.6)], 'speed')).toBe(undefined)
    expect(preferredForm(row, [form(1, 0.6)], 'size')?.width).toBe(1)
    expect(preferredForm({ ...row, bytes: form(1, 0.6).bytes + 100 }, [form(1, 0.6)], 'size')).toBe(undefined)
  })

  it('leaves small layers as they are, which do not repay the code', () => {
    const small = { ...dense, M: 4, N: 16, K: 16, bytes: 1024 }
    expect(preferredForm(small, [{ width: 4, entries: 6, bytes: 102 }], 'speed')).toBe(undefined)
  })
})

describe('prefersSparseIntegers', () => {
  const dense = { M: 196, N: 256, K: 256, kernel: 'igemm', bytes: 256 * 256 } as const
  const list = (share: number): SparseProduct => {
    const entries = (256 * 256 * (1 - share)) / 4
    return { width: 4, entries, bytes: entries * 5 }
  }

  it('takes lists that are faster than the relaxed dot product too, or smaller where size counts', () => {
    expect(prefersSparseIntegers(dense, list(0.97), 'speed')).toBe(true)
    expect(prefersSparseIntegers(dense, list(0.8), 'speed')).toBe(false)
    expect(prefersSparseIntegers(dense, list(0.8), 'size')).toBe(true)
    expect(prefersSparseIntegers(dense, list(0.97), 'off')).toBe(false)
  })
})
