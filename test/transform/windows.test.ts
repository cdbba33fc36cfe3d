import { describe, expect, it } from 'vitest'
import { Builder } from '../../compiler/core/builder.ts'
import { evaluateValues } from '../../compiler/core/evaluate.ts'
import { nodesOf } from '../../compiler/core/graph.ts'
import type { ConvolutionAttrs } from '../../compiler/core/ops/convolution.ts'
import { trivialWindow, type WindowAxis } from '../../compiler/core/ops/window.ts'
import { tensorOf, toNumbers } from '../../compiler/core/tensor.ts'
import { gradients } from '../../compiler/transform/gradients.ts'
import { expectGradients, weightedSum } from '../support/differences.ts'
import { Random } from '../support/random.ts'
import { graphOf, inputOf, randomTensor } from '../support/run-graph.ts'

const b = new Builder(undefined)

const windows: Partial<WindowAxis>[] = [
  { size: 2, stride: 2 },
  { size: 3, stride: 2, low: 1, high: 1 },
  { size: 3, dilation: 2, low: 2, high: 1 },
  { size: 2, stride: 3 },
  { size: 2, stride: 3, dilation: 2, low: -1, high: 2 },
  { size: 3, stride: 2, high: -2 },
  { size: 3, stride: 2, low: 1, high: 1, baseDilation: 2 },
  { size: 9, stride: 1 },
  { size: 3, stride: 2, dilation: 3, low: 2, high: 3 },
]

describe('reduce_window', () => {
  const x = inputOf('x', 'f32', [2, 9, 7, 2])
  it.each(windows)('%o', (w) => {
    const axis = { ...trivialWindow, ...w }
    const window = [trivialWindow, axis, { ...axis, stride: 2, size: 2 }, trivialWindow]
    for (const kind of ['max', 'min', 'add', 'mul'] as const) {
      expectGradients(graphOf([x], [b.reduceWindow(kind, x, window)]), new Random(1), { most: 20 })
    }
  })

  it('the first of equal elements of a window has its gradient, in row-major order', () => {
    const v = inputOf('v', 'f32', [4, 4])
    const numbers = tensorOf('f32', [4, 4], [1, 1, 0, 2, 1, 1, 2, 2, 0, 0, 5, 5, 0, 0, 5, 5])
    const gradientOf = (size: number, stride: number): number[] => {
      const axis = { ...trivialWindow, size, stride }
      const y = b.reduceWindow('max', v, [axis, axis])
      const [dv] = gradients(b.reduce('add', y, [0, 1]), [v])
      return toNumbers(evaluateValues([dv!], new Map([[v, numbers]]))[0]!)
    }
    expect(gradientOf(2, 2)).toEqual([1, 0, 0, 1, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0])
    expect(gradientOf(3, 1)).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0])
    // More taps than a loop reads: along one axis after another.
    expect(gradientOf(4, 1)).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0])
  })

  it('the same in whatever way it is found', () => {
    const v = inputOf('v', 'f32', [9, 9])
    const numbers = randomTensor(new Random(1), 'i32', [9, 9])
    // Small integers: most windows have ties.
    const x = tensorOf('f32', [9, 9], toNumbers(numbers))
    for (const size of [3, 4, 5]) {
      const axis = { ...trivialWindow, size, stride: 2, low: 1, high: 1 }
      const y = b.reduceWindow('max', v, [axis, axis])
      const [dv] = gradients(weightedSum([y], new Random(2)), [v])
      const found = toNumbers(evaluateValues([dv!], new Map([[v, x]]))[0]!)
      // By the definition: the first largest element of each window.
      const weights = gradients(weightedSum([y], new Random(2)), [y])[0]!
      const given = toNumbers(evaluateValues([weights], new Map([[v, x]]))[0]!)
      const expected = new Array<number>(81).fill(0)
      const places = y.type.shape[0]!
      given.forEach((weight, k) => {
        const [top, left] = [Math.floor(k / places) * 2 - 1, (k % places) * 2 - 1]
        let best = -1
        for (let i = Math.max(0, top); i < Math.min(9, top + size); i++) {
          for (let j = Math.max(0, left); j < Math.min(9, left + size); j++) {
            if (best < 0 || Number(x.data[9 * i + j]) > Number(x.data[best])) best = 9 * i + j
          }
        }
        expected[best]! += weight
      })
      expect(found.map((n) => n.toFixed(5))).toEqual(expected.map((n) => n.toFixed(5)))
    }
  })

  it('no loop reads a window of many taps at once', () => {
    const v = inputOf('v', 'f32', [40])
    const y = b.reduceWindow('max', v, [{ ...trivialWindow, size: 30 }])
    const found = gradients(b.reduce('add', y, [0]), [v])
    const reads = nodesOf(graphOf([v], found)).map(({ op, operands }) => (op === 'map' ? operands.length : 0))
    expect(Math.max(...reads)).toBeLessThanOrEqual(12)
  })
})

describe('convolution', () => {
  const first = { batch: 0, feature: 1, spatial: [2, 3] }
  const last = { batch: 0, feature: 3, spatial: [1, 2] }
  const layouts = [
    { lhs: first, out: first, rhs: { output: 0, input: 1, spatial: [2, 3] } },
    { lhs: last, out: last, rhs: { input: 2, output: 3, spatial: [0, 1] } },
    { lhs: first, out: last, rhs: { output: 3, spatial: [1, 0], input: 2 } },
  ] satisfies Partial<ConvolutionAttrs>[]
  const cases: [groups: number, w: Partial<WindowAxis>][] = [
    [1, {}],
    [1, { stride: 2, low: 1 }],
    [2, { stride: 2, low: 2, high: 1 }],
    [4, { stride: 3, high: 2, dilation: 2 }],
    [2, { high: 2, baseDilation: 2 }],
    [2, { low: 1, high: 2, baseDilation: 2, stride: 3, dilation: 2 }],
    [1, { stride: 2, low: -1, high: 2 }],
    [1, { stride: 3, low: 5, high: 2 }],
    [4, { low: 1, high: 1 }],
  ]
  it.each(cases)('of %d groups, %o', (groups, w) => {
    layouts.forEach((layout, i) => {
      const shape = [2, 4, 8, 7]
      const { batch, feature, spatial } = layout.lhs
      const at = (axes: readonly number[], lengths: readonly number[]): number[] => {
        const result: number[] = []
        axes.forEach((axis, k) => (result[axis] = lengths[k]!))
        return result
      }
      const x = inputOf('x', 'f32', at([batch, feature, ...spatial], shape))
      const { output, input, spatial: taps } = layout.rhs
      const k = inputOf('w', 'f32', at([output, input, ...taps], [8, 4 / groups, 3, 2]))
      const window = [3, 2].map((size) => ({ ...trivialWindow, ...w, size }))
      expectGradients(graphOf([x, k], [b.convolution(x, k, { ...layout, groups, window })]), new Random(i), {
        most: 12,
      })
    })
  })

  it('over one axis, and with padding that is not 0', () => {
    const x = inputOf('x', 'f32', [3, 2, 9])
    const k = inputOf('w', 'f32', [4, 2, 3])
    const axes = { batch: 0, feature: 1, spatial: [2] }
    const window = [{ ...trivialWindow, size: 3, stride: 2, low: 1, high: 2 }]
    const attrs = { lhs: axes, out: axes, rhs: { output: 0, input: 1, spatial: [2] }, window, groups: 1 }
    const y = b.convolution(x, k, { ...attrs, padValue: 3 })
    expectGradients(graphOf([x, k], [y, b.convolution(x, k, attrs)]), new Random(1))
  })

  it('has no gradient where nothing was computed', () => {
    const x = inputOf('x', 'f32', [1, 2, 2, 2])
    const k = inputOf('w', 'f32', [3, 2, 3, 3])
    const window = [3, 3].map((size) => ({ ...trivialWindow, size }))
    const y = b.convolution(x, k, { ...layouts[0]!, window, groups: 1 })
    expectGradients(graphOf([x, k], [y]), new Random(1))
  })
})
