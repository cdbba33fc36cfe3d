import { describe, expect, it } from 'vitest'
import { boundOf } from '../../compiler/core/analysis/bounds.ts'
import { Builder } from '../../compiler/core/builder.ts'
import { constantOf } from '../../compiler/core/evaluate.ts'
import { arg, bitcast, constant, convert, type Expr } from '../../compiler/core/scalar/expr.ts'
import * as f from '../../compiler/core/scalar/formula.ts'
import { trivialWindow } from '../../compiler/core/ops/window.ts'
import { compileExpr } from '../../compiler/core/scalar/scalar.ts'
import { tensorOf, toNumbers } from '../../compiler/core/tensor.ts'

const b = new Builder(undefined)

describe('convolution', () => {
  const x = b.constant(tensorOf('u8', [1, 1, 3], [10, 20, 30]))
  const w = b.constant(tensorOf('i8', [1, 1, 2], [1, -2]))
  const axes = { batch: 0, feature: 1, spatial: [2] }
  const rhs = { output: 0, input: 1, spatial: [2] }
  const padded = { ...trivialWindow, size: 2, low: 1, high: 1 }
  const run = (padValue?: number): number[] =>
    toNumbers(
      constantOf(
        b.convolution(x, w, {
          ...{ lhs: axes, rhs, out: axes, window: [padded], groups: 1 },
          ...(padValue !== undefined && { padValue }),
        }),
      )!,
    )

  it('pads with 0 or with what it is told to', () => {
    expect(run()).toEqual([-20, -30, -40, 30])
    expect(run(5)).toEqual([5 - 20, -30, -40, 30 - 10])
  })

  it('does not pad between spread elements with anything else', () => {
    const window = [{ ...padded, baseDilation: 2 }]
    expect(() => b.convolution(x, w, { lhs: axes, rhs, out: axes, window, groups: 1, padValue: 5 })).toThrow(/is 0/)
  })
})

describe('bitcast', () => {
  it('keeps the bits of floats and integers', () => {
    const bits = compileExpr(bitcast(arg(0, 'f32'), 'i32'))
    expect([1, -0, 12582912].map((v) => bits([v]))).toEqual([0x3f800000, -0x80000000, 0x4b400000])
    expect(compileExpr(bitcast(arg(0, 'i32'), 'f32'))([0x40490fdb])).toBe(Math.fround(Math.PI))
  })
})

describe('boundOf', () => {
  const x = arg(0, 'f32')
  const bound = (e: Expr, known = Infinity): number => boundOf(e, () => known)

  it('is what integers and constants leave possible', () => {
    expect(bound(convert(arg(0, 'u8'), 'f32'))).toBe(255)
    expect(bound(f.mul(f.sub(convert(arg(0, 'i8'), 'f32'), 3), -0.5))).toBe(65.5)
    expect(bound(f.div(f.max(x, 1), 2), 10)).toBe(5)
    expect(bound(f.round(constant(-2.5, 'f32')))).toBeGreaterThanOrEqual(2)
  })

  it('follows integers until they may wrap', () => {
    const i = arg(0, 'i32')
    expect(bound(f.add(f.mul(i, 3), 5), 100)).toBe(305)
    expect(bound(f.mul(i, 1000), 2 ** 30)).toBe(2 ** 31)
    expect(bound(f.sub(arg(0, 'u8'), 1), 0)).toBe(255)
    expect(bound(convert(convert(arg(0, 'i8'), 'u8'), 'f32'))).toBe(255)
    expect(bound(convert(convert(f.neg(arg(0, 'f32')), 'u32'), 'f32'), 1)).toBe(2 ** 32 - 1)
  })

  it('is none where a float may be anything', () => {
    expect(bound(f.add(x, 1))).toBe(Infinity)
    expect(bound(f.exp(convert(arg(0, 'u8'), 'f32')))).toBe(Infinity)
    expect(bound(f.div(convert(arg(0, 'u8'), 'f32'), convert(arg(1, 'u8'), 'f32')))).toBe(Infinity)
  })
})
