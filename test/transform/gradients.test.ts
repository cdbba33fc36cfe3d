import { describe, expect, it } from 'vitest'
import { Builder } from '../../compiler/core/builder.ts'
import { mathOps, unaryOps } from '../../compiler/core/expr.ts'
import { trivialWindow } from '../../compiler/core/ops/window.ts'
import { expectGradients } from '../support/differences.ts'
import { Random } from '../support/random.ts'
import { graphOf, inputOf } from '../support/run-graph.ts'

const b = new Builder(undefined)

describe('windows', () => {
  const cases = [
    { size: 2, stride: 2, dilation: 1, low: 0, high: 0 },
    { size: 3, stride: 2, dilation: 1, low: 1, high: 1 },
    { size: 3, stride: 1, dilation: 2, low: 2, high: 1 },
    { size: 2, stride: 3, dilation: 1, low: 0, high: 0 },
    { size: 2, stride: 3, dilation: 2, low: -1, high: 2 },
    { size: 3, stride: 2, dilation: 1, low: 0, high: -2 },
    { size: 3, stride: 2, dilation: 1, low: 1, high: 1, baseDilation: 2 },
  ]
  it.each(cases)('max and sum %o', (w) => {
    const x = inputOf('x', 'f32', [2, 9, 7, 2])
    const axis = { ...trivialWindow, ...w }
    const window = [trivialWindow, axis, { ...axis, stride: 2, size: 2 }, trivialWindow]
    for (const kind of ['max', 'min', 'add'] as const) {
      expectGradients(graphOf([x], [b.reduceWindow(kind, x, window)]), new Random(1))
    }
  })
})

describe('convolutions', () => {
  const cases = [
    { groups: 1, w: {} },
    { groups: 1, w: { stride: 2, low: 1, high: 0 } },
    { groups: 2, w: { stride: 2, low: 2, high: 1 } },
    { groups: 4, w: { stride: 3, low: 0, high: 2, dilation: 2 } },
    { groups: 2, w: { stride: 1, low: 0, high: 2, baseDilation: 2 } },
    { groups: 1, w: { stride: 2, low: -1, high: 2 } },
    { groups: 1, w: { stride: 3, low: 5, high: 2 } },
  ]
  it.each(cases)('%o', ({ groups, w }) => {
    for (const last of [false, true]) {
      const x = inputOf('x', 'f32', last ? [2, 8, 7, 4] : [2, 4, 8, 7])
      const k = inputOf('w', 'f32', last ? [3, 2, 4 / groups, 8] : [8, 4 / groups, 3, 2])
      const axes = last ? { batch: 0, feature: 3, spatial: [1, 2] } : { batch: 0, feature: 1, spatial: [2, 3] }
      const y = b.convolution(x, k, {
        lhs: axes,
        out: axes,
        rhs: last ? { input: 2, output: 3, spatial: [0, 1] } : { input: 1, output: 0, spatial: [2, 3] },
        groups,
        window: [
          { ...trivialWindow, ...w, size: 3 },
          { ...trivialWindow, ...w, size: 2 },
        ],
      })
      expectGradients(graphOf([x, k], [y]), new Random(1))
    }
  })
})

it('products', () => {
  const x = inputOf('x', 'f32', [2, 5, 3])
  const w = inputOf('w', 'f32', [4, 3, 2])
  const y = b.dotGeneral(x, w, { lhsBatch: [0], rhsBatch: [2], lhsContract: [2], rhsContract: [1] })
  expectGradients(graphOf([x, w], [y]), new Random(1))
})

it('reductions', () => {
  const x = inputOf('x', 'f32', [3, 4, 5])
  for (const kind of ['add', 'mul', 'max', 'min'] as const)
    for (const axes of [[1], [0, 2], [1, 2], [2, 1], [0, 1, 2]])
      expectGradients(graphOf([x], [b.reduce(kind, x, axes)]), new Random(1))
})

it('views', () => {
  const x = inputOf('x', 'f32', [3, 4, 5])
  const v = inputOf('v', 'f32', [])
  expectGradients(
    graphOf(
      [x, v],
      [
        b.slice(x, [2, 1, 4], [2, 3, 2], [-2, 1, -3]),
        b.slice(x, [0, 1, 2], [1, 2, 1], [-2, 2, 3]),
        b.transpose(x, [2, 0, 1]),
        b.reshape(x, [12, 5]),
        b.pad(x, v, [1, 0, 2], [0, 0, 3]),
        b.broadcastInDim(b.reshape(x, [3, 1, 20]), [3, 2, 20, 2], [0, 1, 2]),
        b.concatenate([x, b.pad(x, v, [0, 0, 0], [0, 2, 0]), x], 1),
      ],
    ),
    new Random(1),
  )
})

describe('maps', () => {
  const ranges: Partial<Record<string, (r: Random) => number>> = {
    sqrt: (r) => r.float() + 0.1,
    log: (r) => r.float() + 0.1,
    acosh: (r) => r.float() + 1.1,
    atanh: (r) => r.float() * 1.8 - 0.9,
    asin: (r) => r.float() * 1.8 - 0.9,
    acos: (r) => r.float() * 1.8 - 0.9,
    tan: (r) => r.float() * 2 - 1,
  }
  it.each(unaryOps.filter((op) => op !== 'not'))('%s', (op) => {
    const x = inputOf('x', 'f32', [3, 4])
    const own = ranges[op]
    expectGradients(
      graphOf([x], [b.unary(op, x), b.unary('neg', b.unary(op, x))]),
      new Random(1),
      own ? { inputs: { x: own } } : {},
    )
  })
})
