import { describe, expect, it } from 'vitest'
import { Builder } from '../../compiler/core/builder.ts'
import type { Expr } from '../../compiler/core/scalar/expr.ts'
import * as f from '../../compiler/core/scalar/formula.ts'
import type { Value } from '../../compiler/core/graph.ts'
import { trivialWindow } from '../../compiler/core/ops/window.ts'
import { foldInputAffine } from '../../compiler/passes/fold-input-affine.ts'
import { inputOf } from '../support/run-graph.ts'
import { change, f32, keeps, nchw, oihw } from './change.ts'

const b = new Builder(undefined)

describe('fold-input-affine', () => {
  const x = inputOf('x', 'f32', [1, 2, 3, 3])
  const conv = (from: Value, pad = 0, groups = 1): Value =>
    b.convolution(from, f32([2, 2 / groups, 1, 1], groups === 1 ? [1, 2, 3, 4] : [5, 6]), {
      lhs: nchw,
      rhs: oihw,
      out: nchw,
      window: [{ ...trivialWindow, low: pad, high: pad }, trivialWindow],
      groups,
    })
  const channels = (...values: number[]): Value => f32([1, 2, 1, 1], values)
  const swish = (v: Expr): Expr => f.div(f.mul(v, f.max(f.add(v, 3), 0)), 4)

  it('folds scales and shifts for each channel', () => {
    const y = b.map([x, channels(2, 4), channels(1, 3)], (v, scale, shift) => f.sub(f.mul(swish(v!), scale!), shift!))
    expect(change(foldInputAffine, [x], [conv(y)])).toMatchInlineSnapshot(`
      "%0 = input f32[1,2,3,3]: "x"
      %1 = constant f32[1,2,1,1]: {2, 4}
      %2 = constant f32[1,2,1,1]: {1, 3}
      %3 = map f32[1,2,3,3] (%0, %1, %2): sub(mul(div(mul(%0, max(add(%0, 3:f32), 0:f32)), 4:f32), %1), %2)
      %4 = constant f32[2,2,1,1]: {1, 2, 3, 4}
      %5 = convolution f32[1,2,3,3] (%3, %4): lhs={batch: 0, feature: 1, spatial: [2, 3]} rhs={output: 0, input: 1, spatial: [2, 3]} out={batch: 0, feature: 1, spatial: [2, 3]} window=[{1 stride 1 dilation 1 pad 0 0 base 1}, {1 stride 1 dilation 1 pad 0 0 base 1}] groups=1
      output "y0" = %5

      %0 = input f32[1,2,3,3]: "x"
      %1 = map f32[1,2,3,3] (%0): mul(%0, max(add(%0, 3:f32), 0:f32))
      %2 = constant f32[2,2,1,1]: {0.5, 2, 1.5, 4}
      %3 = convolution f32[1,2,3,3] (%1, %2): lhs={batch: 0, feature: 1, spatial: [2, 3]} rhs={output: 0, input: 1, spatial: [2, 3]} out={batch: 0, feature: 1, spatial: [2, 3]} window=[{1 stride 1 dilation 1 pad 0 0 base 1}, {1 stride 1 dilation 1 pad 0 0 base 1}] groups=1
      %4 = constant f32[1,2,1,1]: {-7, -15}
      %5 = map f32[1,2,3,3] (%3, %4): add(%3, %4)
      output "y0" = %5
      "
    `)
  })

  it('leaves its input alone where nothing else is computed', () => {
    const y = b.map([x], (v) => f.mul(f.sub(v!, 2), 0.5))
    expect(change(foldInputAffine, [x], [conv(y, 1)])).toMatchInlineSnapshot(`
      "%0 = input f32[1,2,3,3]: "x"
      %1 = map f32[1,2,3,3] (%0): mul(sub(%0, 2:f32), 0.5:f32)
      %2 = constant f32[2,2,1,1]: {1, 2, 3, 4}
      %3 = convolution f32[1,2,5,3] (%1, %2): lhs={batch: 0, feature: 1, spatial: [2, 3]} rhs={output: 0, input: 1, spatial: [2, 3]} out={batch: 0, feature: 1, spatial: [2, 3]} window=[{1 stride 1 dilation 1 pad 1 1 base 1}, {1 stride 1 dilation 1 pad 0 0 base 1}] groups=1
      output "y0" = %3

      %0 = input f32[1,2,3,3]: "x"
      %1 = constant f32[2,2,1,1]: {0.5, 1, 1.5, 2}
      %2 = convolution f32[1,2,5,3] (%0, %1): lhs={batch: 0, feature: 1, spatial: [2, 3]} rhs={output: 0, input: 1, spatial: [2, 3]} out={batch: 0, feature: 1, spatial: [2, 3]} window=[{1 stride 1 dilation 1 pad 1 1 base 1}, {1 stride 1 dilation 1 pad 0 0 base 1}] groups=1 padValue=2
      %3 = constant f32[1,2,1,1]: {-3, -7}
      %4 = map f32[1,2,5,3] (%2, %3): add(%2, %3)
      output "y0" = %4
      "
    `)
  })

  it('folds into the weights of groups, and pads with what becomes the padding', () => {
    const y = b.map([x, channels(2, 4)], (v, scale) => f.mul(f.max(v!, 0), scale!))
    expect(change(foldInputAffine, [x], [conv(y, 1, 2)])).toMatchInlineSnapshot(`
      "%0 = input f32[1,2,3,3]: "x"
      %1 = constant f32[1,2,1,1]: {2, 4}
      %2 = map f32[1,2,3,3] (%0, %1): mul(max(%0, 0:f32), %1)
      %3 = constant f32[2,1,1,1]: {5, 6}
      %4 = convolution f32[1,2,5,3] (%2, %3): lhs={batch: 0, feature: 1, spatial: [2, 3]} rhs={output: 0, input: 1, spatial: [2, 3]} out={batch: 0, feature: 1, spatial: [2, 3]} window=[{1 stride 1 dilation 1 pad 1 1 base 1}, {1 stride 1 dilation 1 pad 0 0 base 1}] groups=2
      output "y0" = %4

      %0 = input f32[1,2,3,3]: "x"
      %1 = map f32[1,2,3,3] (%0): max(%0, 0:f32)
      %2 = constant f32[2,1,1,1]: {10, 24}
      %3 = convolution f32[1,2,5,3] (%1, %2): lhs={batch: 0, feature: 1, spatial: [2, 3]} rhs={output: 0, input: 1, spatial: [2, 3]} out={batch: 0, feature: 1, spatial: [2, 3]} window=[{1 stride 1 dilation 1 pad 1 1 base 1}, {1 stride 1 dilation 1 pad 0 0 base 1}] groups=2
      output "y0" = %3
      "
    `)
  })

  it('leaves what would pad channels differently, what others read, and constants that round', () => {
    const relu = b.map([x], (v) => f.max(v!, 0))
    const shifted = b.binary('add', relu, channels(1, 3))
    expect(keeps(foldInputAffine, [x], [conv(shifted, 1)])).toBe(true)
    expect(keeps(foldInputAffine, [x], [conv(shifted)])).toBe(false)
    expect(keeps(foldInputAffine, [x], [conv(shifted), shifted])).toBe(true)
    expect(keeps(foldInputAffine, [x], [conv(b.map([x], (v) => f.add(f.max(v!, 0), 1.5 * 2 ** 23)))])).toBe(true)
    expect(keeps(foldInputAffine, [x], [conv(b.map([x], (v) => f.mul(f.max(v!, 0), 1e-30)))])).toBe(true)
  })
})
