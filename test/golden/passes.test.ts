import { describe, expect, it } from 'vitest'
import { Builder } from '../../compiler/core/builder.ts'
import type { Expr } from '../../compiler/core/scalar/expr.ts'
import * as f from '../../compiler/core/scalar/formula.ts'
import type { Value } from '../../compiler/core/graph.ts'
import { trivialWindow } from '../../compiler/core/ops/window.ts'
import { printGraph } from '../../compiler/core/print.ts'
import { composeViews } from '../../compiler/passes/compose-views.ts'
import { foldAffine } from '../../compiler/passes/fold-affine.ts'
import { foldConstants } from '../../compiler/passes/fold-constants.ts'
import { foldPadding } from '../../compiler/passes/fold-padding.ts'
import { fuseMaps } from '../../compiler/passes/fuse-maps.ts'
import { mergeIdentical } from '../../compiler/passes/merge-identical.ts'
import { mergeScales } from '../../compiler/passes/merge-scales.ts'
import { graphOf, inputOf } from '../support/run-graph.ts'
import { change, f32, keeps, nchw, oihw } from './change.ts'

const b = new Builder(undefined)

describe('fold-constants', () => {
  it('evaluates what depends on constants alone', () => {
    const x = inputOf('x', 'f32', [2])
    const shape = b.binary('mul', f32([2], [1, 2]), b.unary('neg', f32([2], [3, 4])))
    expect(change(foldConstants, [x], [b.binary('add', x, b.reshape(shape, [2])), b.iota('i32', [3], 0)]))
      .toMatchInlineSnapshot(`
      "%0 = input f32[2]: "x"
      %1 = constant f32[2]: {1, 2}
      %2 = constant f32[2]: {3, 4}
      %3 = map f32[2] (%2): neg(%2)
      %4 = map f32[2] (%1, %3): mul(%1, %3)
      %5 = map f32[2] (%0, %4): add(%0, %4)
      %6 = iota i32[3]: type={dtype: i32, shape: [3]} axis=0
      output "y0" = %5, "y1" = %6

      %0 = input f32[2]: "x"
      %1 = constant f32[2]: {-3, -8}
      %2 = map f32[2] (%0, %1): add(%0, %1)
      %3 = constant i32[3]: {0, 1, 2}
      output "y0" = %2, "y1" = %3
      "
    `)
  })

  it('does not blow up small constants', () => {
    const wide = b.full(1, 'f32', [100, 100])
    expect(keeps(foldConstants, [], [wide])).toBe(true)
    expect(keeps(foldConstants, [], [b.full(1, 'f32', [10, 10])])).toBe(false)
  })
})

describe('compose-views', () => {
  it('joins reshapes, transposes and slices', () => {
    const x = inputOf('x', 'f32', [2, 3, 4])
    const reshaped = b.reshape(b.reshape(b.reshape(x, [6, 4]), [24]), [4, 6])
    const transposed = b.transpose(b.transpose(x, [2, 0, 1]), [1, 0, 2])
    const sliced = b.slice(b.slice(x, [0, 0, 3], [2, 3, 2], [1, 1, -2]), [1, 2, 1], [1, 2, 1], [1, -1, 1])
    expect(change(composeViews, [x], [reshaped, transposed, sliced])).toMatchInlineSnapshot(`
      "%0 = input f32[2,3,4]: "x"
      %1 = reshape f32[6,4] (%0): shape=[6, 4]
      %2 = reshape f32[24] (%1): shape=[24]
      %3 = reshape f32[4,6] (%2): shape=[4, 6]
      %4 = transpose f32[4,2,3] (%0): perm=[2, 0, 1]
      %5 = transpose f32[2,4,3] (%4): perm=[1, 0, 2]
      %6 = slice f32[2,3,2] (%0): start=[0, 0, 3] shape=[2, 3, 2] strides=[1, 1, -2]
      %7 = slice f32[1,2,1] (%6): start=[1, 2, 1] shape=[1, 2, 1] strides=[1, -1, 1]
      output "y0" = %3, "y1" = %5, "y2" = %7

      %0 = input f32[2,3,4]: "x"
      %1 = reshape f32[4,6] (%0): shape=[4, 6]
      %2 = transpose f32[2,4,3] (%0): perm=[0, 2, 1]
      %3 = slice f32[1,2,1] (%0): start=[1, 2, 1] shape=[1, 2, 1] strides=[1, -1, -2]
      output "y0" = %1, "y1" = %2, "y2" = %3
      "
    `)
  })

  it('drops what cancels, and takes moves of unit axes for reshapes', () => {
    const x = inputOf('x', 'f32', [2, 1, 3])
    const back = b.transpose(b.transpose(x, [2, 1, 0]), [2, 1, 0])
    const flat = b.reshape(b.reshape(x, [6]), [2, 1, 3])
    const moved = b.transpose(x, [1, 0, 2])
    expect(change(composeViews, [x], [b.unary('neg', back), b.unary('abs', flat), moved])).toMatchInlineSnapshot(`
      "%0 = input f32[2,1,3]: "x"
      %1 = transpose f32[3,1,2] (%0): perm=[2, 1, 0]
      %2 = transpose f32[2,1,3] (%1): perm=[2, 1, 0]
      %3 = map f32[2,1,3] (%2): neg(%2)
      %4 = reshape f32[6] (%0): shape=[6]
      %5 = reshape f32[2,1,3] (%4): shape=[2, 1, 3]
      %6 = map f32[2,1,3] (%5): abs(%5)
      %7 = transpose f32[1,2,3] (%0): perm=[1, 0, 2]
      output "y0" = %3, "y1" = %6, "y2" = %7

      %0 = input f32[2,1,3]: "x"
      %1 = map f32[2,1,3] (%0): neg(%0)
      %2 = map f32[2,1,3] (%0): abs(%0)
      %3 = reshape f32[1,2,3] (%0): shape=[1, 2, 3]
      output "y0" = %1, "y1" = %2, "y2" = %3
      "
    `)
  })
})

describe('merge-identical', () => {
  it('keeps one of equal nodes and of equal constants', () => {
    const x = inputOf('x', 'f32', [2])
    const half = (): Value => b.binary('mul', x, f32([], [0.5]))
    const sum = b.binary('add', half(), half())
    expect(change(mergeIdentical, [x], [sum, b.binary('add', half(), half())])).toMatchInlineSnapshot(`
      "%0 = input f32[2]: "x"
      %1 = constant f32[]: {0.5}
      %2 = map f32[2] (%0, %1): mul(%0, %1)
      %3 = constant f32[]: {0.5}
      %4 = map f32[2] (%0, %3): mul(%0, %3)
      %5 = map f32[2] (%2, %4): add(%2, %4)
      %6 = constant f32[]: {0.5}
      %7 = map f32[2] (%0, %6): mul(%0, %6)
      %8 = constant f32[]: {0.5}
      %9 = map f32[2] (%0, %8): mul(%0, %8)
      %10 = map f32[2] (%7, %9): add(%7, %9)
      output "y0" = %5, "y1" = %10

      %0 = input f32[2]: "x"
      %1 = constant f32[]: {0.5}
      %2 = map f32[2] (%0, %1): mul(%0, %1)
      %3 = map f32[2] (%2, %2): add(%2, %2)
      output "y0" = %3, "y1" = %3
      "
    `)
  })

  it('tells types, attributes, operands and inputs apart', () => {
    const x = inputOf('x', 'f32', [2])
    const y = inputOf('y', 'f32', [2])
    const outputs = [
      b.binary('sub', x, y),
      b.binary('sub', y, x),
      b.convert(x, 'i32'),
      b.convert(x, 'i64'),
      b.reduce('add', x, [0]),
      b.reduce('max', x, [0]),
      b.scalar(0, 'f32'),
      b.scalar(-0, 'f32'),
      b.scalar(0, 'i32'),
      b.iota('i32', [2], 0),
      b.iota('i64', [2], 0),
    ]
    expect(keeps(mergeIdentical, [x, y], outputs)).toBe(true)
  })
})

describe('fold-padding', () => {
  const x = inputOf('x', 'f32', [1, 2, 4, 4])
  const w = f32([1, 2, 1, 2], [1, 2, 3, 4])

  it('makes zeros part of a convolution and identities part of a pooling', () => {
    const window = [trivialWindow, { ...trivialWindow, size: 2, low: 1 }]
    const zeros = b.pad(x, b.scalar(0, 'f32'), [0, 0, 1, 0], [0, 0, 0, 2])
    const least = b.pad(x, b.scalar(-Infinity, 'f32'), [0, 0, 1, 1], [0, 0, 1, 1])
    const pool = [trivialWindow, trivialWindow, { ...trivialWindow, size: 2 }, { ...trivialWindow, size: 3, stride: 2 }]
    const conv = b.convolution(zeros, w, { lhs: nchw, rhs: oihw, out: nchw, window, groups: 1 })
    expect(change(foldPadding, [x], [conv, b.reduceWindow('max', least, pool)])).toMatchInlineSnapshot(`
      "%0 = input f32[1,2,4,4]: "x"
      %1 = constant f32[]: {0}
      %2 = pad f32[1,2,5,6] (%0, %1): low=[0, 0, 1, 0] high=[0, 0, 0, 2]
      %3 = constant f32[1,2,1,2]: {1, 2, 3, 4}
      %4 = convolution f32[1,1,5,6] (%2, %3): lhs={batch: 0, feature: 1, spatial: [2, 3]} rhs={output: 0, input: 1, spatial: [2, 3]} out={batch: 0, feature: 1, spatial: [2, 3]} window=[{1 stride 1 dilation 1 pad 0 0 base 1}, {2 stride 1 dilation 1 pad 1 0 base 1}] groups=1
      %5 = constant f32[]: {-Infinity}
      %6 = pad f32[1,2,6,6] (%0, %5): low=[0, 0, 1, 1] high=[0, 0, 1, 1]
      %7 = reduce_window f32[1,2,5,2] (%6): kind=max window=[{1 stride 1 dilation 1 pad 0 0 base 1}, {1 stride 1 dilation 1 pad 0 0 base 1}, {2 stride 1 dilation 1 pad 0 0 base 1}, {3 stride 2 dilation 1 pad 0 0 base 1}]
      output "y0" = %4, "y1" = %7

      %0 = input f32[1,2,4,4]: "x"
      %1 = constant f32[1,2,1,2]: {1, 2, 3, 4}
      %2 = convolution f32[1,1,5,6] (%0, %1): lhs={batch: 0, feature: 1, spatial: [2, 3]} rhs={output: 0, input: 1, spatial: [2, 3]} out={batch: 0, feature: 1, spatial: [2, 3]} window=[{1 stride 1 dilation 1 pad 1 0 base 1}, {2 stride 1 dilation 1 pad 1 2 base 1}] groups=1
      %3 = reduce_window f32[1,2,5,2] (%0): kind=max window=[{1 stride 1 dilation 1 pad 0 0 base 1}, {1 stride 1 dilation 1 pad 0 0 base 1}, {2 stride 1 dilation 1 pad 1 1 base 1}, {3 stride 2 dilation 1 pad 1 1 base 1}]
      output "y0" = %2, "y1" = %3
      "
    `)
  })

  it('makes other values the padding of a convolution that has none of its own', () => {
    const one = b.pad(x, b.scalar(1, 'f32'), [0, 0, 1, 0], [0, 0, 0, 0])
    const window = [trivialWindow, { ...trivialWindow, size: 2 }]
    const conv = b.convolution(one, w, { lhs: nchw, rhs: oihw, out: nchw, window, groups: 1 })
    expect(change(foldPadding, [x], [conv])).toMatchInlineSnapshot(`
      "%0 = input f32[1,2,4,4]: "x"
      %1 = constant f32[]: {1}
      %2 = pad f32[1,2,5,4] (%0, %1): low=[0, 0, 1, 0] high=[0, 0, 0, 0]
      %3 = constant f32[1,2,1,2]: {1, 2, 3, 4}
      %4 = convolution f32[1,1,5,3] (%2, %3): lhs={batch: 0, feature: 1, spatial: [2, 3]} rhs={output: 0, input: 1, spatial: [2, 3]} out={batch: 0, feature: 1, spatial: [2, 3]} window=[{1 stride 1 dilation 1 pad 0 0 base 1}, {2 stride 1 dilation 1 pad 0 0 base 1}] groups=1
      output "y0" = %4

      %0 = input f32[1,2,4,4]: "x"
      %1 = constant f32[1,2,1,2]: {1, 2, 3, 4}
      %2 = convolution f32[1,1,5,3] (%0, %1): lhs={batch: 0, feature: 1, spatial: [2, 3]} rhs={output: 0, input: 1, spatial: [2, 3]} out={batch: 0, feature: 1, spatial: [2, 3]} window=[{1 stride 1 dilation 1 pad 1 0 base 1}, {2 stride 1 dilation 1 pad 0 0 base 1}] groups=1 padValue=1
      output "y0" = %2
      "
    `)
  })

  it('leaves what pads otherwise, other axes and spread elements', () => {
    const pad = (value: number, low: readonly number[]): Value => b.pad(x, b.scalar(value, 'f32'), low, [0, 0, 0, 0])
    const conv = (v: Value, base = 1, low = 0): Value => {
      const window = [
        { ...trivialWindow, baseDilation: base, low },
        { ...trivialWindow, size: 2 },
      ]
      const inputs = v.type.shape[1]!
      const kernel = f32([1, inputs, 1, 2], new Array<number>(2 * inputs).fill(1))
      return b.convolution(v, kernel, { lhs: nchw, rhs: oihw, out: nchw, window, groups: 1 })
    }
    const pool = b.reduceWindow('max', pad(0, [0, 0, 1, 0]), [
      trivialWindow,
      trivialWindow,
      { ...trivialWindow, size: 2 },
      trivialWindow,
    ])
    const outputs = [conv(pad(1, [0, 0, 1, 0]), 1, 1), conv(pad(0, [0, 1, 0, 0])), conv(pad(0, [0, 0, 1, 0]), 2), pool]
    expect(keeps(foldPadding, [x], outputs)).toBe(true)
  })
})

describe('fuse-maps', () => {
  it('takes in maps that only one map reads, and scalars', () => {
    const x = inputOf('x', 'f32', [2, 3])
    const y = inputOf('y', 'f32', [3])
    const scaled = b.binary('mul', x, f32([1, 1], [0.5]))
    const shifted = b.binary('add', scaled, y)
    expect(change(fuseMaps, [x, y], [b.binary('max', shifted, b.scalar(0, 'f32'))])).toMatchInlineSnapshot(`
      "%0 = input f32[2,3]: "x"
      %1 = input f32[3]: "y"
      %2 = constant f32[1,1]: {0.5}
      %3 = map f32[2,3] (%0, %2): mul(%0, %2)
      %4 = map f32[2,3] (%3, %1): add(%3, %1)
      %5 = constant f32[]: {0}
      %6 = map f32[2,3] (%4, %5): max(%4, %5)
      output "y0" = %6

      %0 = input f32[2,3]: "x"
      %1 = input f32[3]: "y"
      %2 = map f32[2,3] (%0, %1): max(add(mul(%0, 0.5:f32), %1), 0:f32)
      output "y0" = %2
      "
    `)
  })

  it('leaves maps with several users and smaller ones', () => {
    const x = inputOf('x', 'f32', [2, 3])
    const y = inputOf('y', 'f32', [3])
    const shared = b.unary('exp', x)
    const small = b.unary('exp', y)
    expect(
      keeps(fuseMaps, [x, y], [b.binary('add', shared, y), b.unary('neg', shared), b.binary('mul', x, small)]),
    ).toBe(true)
  })

  it('names an operand once and stops at eight', () => {
    const x = inputOf('x', 'f32', [2])
    const square = b.binary('mul', x, b.unary('neg', x))
    expect(printGraph(fuseMaps(graphOf([x], [square])))).toContain('(%0): mul(%0, neg(%0))')
    const many = Array.from({ length: 12 }, (_, i) => inputOf(`x${i}`, 'f32', [2]))
    const fused = fuseMaps(graphOf(many, [many.reduce((sum, v) => b.binary('add', sum, v))]))
    expect(printGraph(fused).match(/= map/g)).toHaveLength(2)
  })

  it('keeps the shape that a scalar of more axes gives', () => {
    const x = inputOf('x', 'f32', [3])
    expect(keeps(fuseMaps, [x], [b.binary('add', x, f32([1, 1], [1]))])).toBe(true)
  })
})

describe('fold-affine', () => {
  const x = inputOf('x', 'f32', [1, 2, 2, 2])
  const conv = b.convolution(x, f32([2, 2, 1, 1], [1, 2, 3, 4]), {
    lhs: nchw,
    rhs: oihw,
    out: nchw,
    window: [trivialWindow, trivialWindow],
    groups: 1,
  })
  const channels = (...values: number[]): Value => f32([1, 2, 1, 1], values)

  it('folds a scale and a shift for each channel into the weights', () => {
    const normalized = b.map([conv, channels(10, 20), channels(2, 4), channels(5, 6)], (v, mean, scale, shift) => {
      const binary = (op: 'sub' | 'mul' | 'add', a: typeof v, c: typeof v) =>
        ({ kind: 'binary', dtype: 'f32', op, a: a!, b: c! }) as const
      const affine = binary('add', binary('mul', binary('sub', v, mean), scale), shift)
      return binary('mul', affine, { kind: 'unary', dtype: 'f32', op: 'tanh', x: affine })
    })
    expect(change(foldAffine, [x], [normalized])).toMatchInlineSnapshot(`
      "%0 = input f32[1,2,2,2]: "x"
      %1 = constant f32[2,2,1,1]: {1, 2, 3, 4}
      %2 = convolution f32[1,2,2,2] (%0, %1): lhs={batch: 0, feature: 1, spatial: [2, 3]} rhs={output: 0, input: 1, spatial: [2, 3]} out={batch: 0, feature: 1, spatial: [2, 3]} window=[{1 stride 1 dilation 1 pad 0 0 base 1}, {1 stride 1 dilation 1 pad 0 0 base 1}] groups=1
      %3 = constant f32[1,2,1,1]: {10, 20}
      %4 = constant f32[1,2,1,1]: {2, 4}
      %5 = constant f32[1,2,1,1]: {5, 6}
      %6 = map f32[1,2,2,2] (%2, %3, %4, %5): t0 = add(mul(sub(%2, %3), %4), %5); mul(t0, tanh(t0))
      output "y0" = %6

      %0 = input f32[1,2,2,2]: "x"
      %1 = constant f32[2,2,1,1]: {1, 2, 3, 4}
      %2 = constant f32[2,1,1,1]: {2, 4}
      %3 = map f32[2,2,1,1] (%1, %2): mul(%1, %2)
      %4 = convolution f32[1,2,2,2] (%0, %3): lhs={batch: 0, feature: 1, spatial: [2, 3]} rhs={output: 0, input: 1, spatial: [2, 3]} out={batch: 0, feature: 1, spatial: [2, 3]} window=[{1 stride 1 dilation 1 pad 0 0 base 1}, {1 stride 1 dilation 1 pad 0 0 base 1}] groups=1
      %5 = constant f32[1,2,1,1]: {-15, -74}
      %6 = map f32[1,2,2,2] (%4, %5): t0 = add(%4, %5); mul(t0, tanh(t0))
      output "y0" = %6
      "
    `)
    expect(printGraph(foldConstants(foldAffine(graphOf([x], [normalized]))))).toContain('{2, 4, 12, 16}')
  })

  it('folds into a matrix product', () => {
    const v = inputOf('v', 'f32', [3, 2])
    const attrs = { lhsBatch: [], rhsBatch: [], lhsContract: [1], rhsContract: [0] }
    const product = b.dotGeneral(v, f32([2, 2], [1, 2, 3, 4]), attrs)
    const scaled = b.map([product], (a) => ({
      kind: 'binary',
      dtype: 'f32',
      op: 'div',
      a: a!,
      b: { kind: 'const', dtype: 'f32', value: 4 },
    }))
    expect(change(foldAffine, [v], [scaled])).toMatchInlineSnapshot(`
      "%0 = input f32[3,2]: "v"
      %1 = constant f32[2,2]: {1, 2, 3, 4}
      %2 = dot_general f32[3,2] (%0, %1): lhsBatch=[] rhsBatch=[] lhsContract=[1] rhsContract=[0]
      %3 = map f32[3,2] (%2): div(%2, 4:f32)
      output "y0" = %3

      %0 = input f32[3,2]: "v"
      %1 = constant f32[2,2]: {1, 2, 3, 4}
      %2 = constant f32[1,2]: {0.25, 0.25}
      %3 = map f32[2,2] (%1, %2): mul(%1, %2)
      %4 = dot_general f32[3,2] (%0, %3): lhsBatch=[] rhsBatch=[] lhsContract=[1] rhsContract=[0]
      output "y0" = %4
      "
    `)
  })

  it('leaves one bias, other axes and products with other users', () => {
    const bias = b.binary('add', conv, channels(1, 2))
    const rows = b.binary('mul', conv, f32([2, 1], [1, 2]))
    expect(keeps(foldAffine, [x], [bias])).toBe(true)
    expect(keeps(foldAffine, [x], [rows])).toBe(true)
    expect(keeps(foldAffine, [x], [b.binary('mul', conv, channels(2, 3)), conv])).toBe(true)
    expect(keeps(foldAffine, [x], [b.binary('mul', conv, channels(2, 3))])).toBe(false)
  })
})

describe('merge-scales', () => {
  const x = inputOf('x', 'f32', [4])
  const after = (expr: (v: Expr) => Expr): string | undefined =>
    /= map .*: (.*)/.exec(printGraph(mergeScales(graphOf([x], [b.map([x], (v) => expr(v!))]))))?.[1]

  it('makes one factor of a division and multiplications by constants', () => {
    expect(after((v) => f.mul(f.div(f.mul(v, 0.75), 6), -0.5))).toBe('mul(%0, -0.0625:f32)')
    const hardSwish = (v: Expr): Expr => f.div(f.mul(v, f.clamp(f.add(v, 3), 0, 6)), 6)
    expect(after((v) => f.add(f.mul(0.75, hardSwish(v)), 1))).toBe(
      'add(mul(mul(%0, min(max(add(%0, 3:f32), 0:f32), 6:f32)), 0.125:f32), 1:f32)',
    )
  })

  it('keeps what something else reads, a division alone, division of a constant, and scales that grow or vanish', () => {
    const keepsAll = (expr: (v: Expr) => Expr): boolean => keeps(mergeScales, [x], [b.map([x], (v) => expr(v!))])
    expect(keepsAll((v) => f.div(v, 6))).toBe(true)
    expect(keepsAll((v) => f.mul(f.div(6, v), 2))).toBe(true)
    expect(keepsAll((v) => f.div(f.mul(v, 10), 10))).toBe(true)
    expect(keepsAll((v) => f.mul(f.mul(v, 2 ** -40), 2 ** -40))).toBe(true)
    expect(keepsAll((v) => f.mul(f.mul(v, 0), Infinity))).toBe(true)
    expect(keepsAll((v) => f.add(f.mul(f.div(v, 6), 4), f.div(v, 6)))).toBe(true)
  })
})
