import { describe, expect, it } from 'vitest'
import { prefersGemv, prefersWinograd } from '../../compiler/schedule/kernels/choice.ts'

describe('prefersGemv', () => {
  it('is for few rows and many columns', () => {
    expect(prefersGemv(1, 256, 64)).toBe(true)
    expect(prefersGemv(2, 256, 64)).toBe(true)
    expect(prefersGemv(16, 256, 64)).toBe(false)
    expect(prefersGemv(4, 8, 64)).toBe(false)
  })
})

describe('prefersWinograd', () => {
  it('is for enough tiles and channels to repay the transforms', () => {
    expect(prefersWinograd(16, 64, 64)).toBe(true)
    expect(prefersWinograd(256, 16, 16)).toBe(true)
    expect(prefersWinograd(1, 64, 64)).toBe(false)
    expect(prefersWinograd(4, 16, 16)).toBe(false)
  })
})
