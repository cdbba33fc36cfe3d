import { describe, expect, it } from 'vitest'
import { Builder } from '../../compiler/core/builder.ts'
import type { Value } from '../../compiler/core/graph.ts'
import { trivialWindow, type WindowAxis } from '../../compiler/core/ops/window.ts'
import { runPasses } from '../../compiler/passes/index.ts'
import { schedule } from '../../compiler/schedule/lower/index.ts'
import { Random } from '../support/random.ts'
import { expectCompiledEqualsEvaluated, graphOf, inputOf } from '../support/run-graph.ts'

const b = new Builder(undefined)

interface Forward {
  readonly batch: number
  readonly channels: number
  readonly outputs: number
  /** Lengths of the spatial axes, and the kernel's. */
  readonly lengths: readonly number[]
  readonly kernel: readonly number[]
  readonly stride?: number
  readonly dilation?: number
  readonly low?: number
  readonly high?: number
  readonly groups?: number
}

/** The gradient of a convolution's weights, [output][input][taps…], where activations have their channels second or last. */
function gradientOf(form: Forward, order: 'first' | 'last'): { x: Value; g: Value; dw: Value } {
  const { batch, channels, outputs, lengths, kernel, stride = 1, dilation = 1, low = 0, high = 0, groups = 1 } = form
  const positions = lengths.map((d, i) => Math.floor((d + low + high - (kernel[i]! - 1) * dilation - 1) / stride) + 1)
  const shape = (c: number, spatial: readonly number[]): number[] =>
    order === 'first' ? [batch, c, ...spatial] : [batch, ...spatial, c]
  const x = inputOf('x', 'f32', shape(channels, lengths))
  const g = inputOf('g', 'f32', shape(outputs, positions))
  const spatial = lengths.map((_, i) => (order === 'first' ? i + 2 : i + 1))
  const feature = order === 'first' ? 1 : lengths.length + 1
  const window = positions.map((size, i): WindowAxis => {
    const length = (kernel[i]! - 1) * dilation + (size - 1) * stride + 1
    return { ...trivialWindow, size, stride: dilation, dilation: stride, low, high: length - low - lengths[i]! }
  })
  const dw = b.convolution(x, g, {
    lhs: { batch: feature, feature: 0, spatial },
    rhs: { input: 0, output: feature, spatial },
    out: { batch: 1, feature: 0, spatial: lengths.map((_, i) => i + 2) },
    window,
    groups: 1,
    ...(groups > 1 && { batchGroups: groups }),
  })
  return { x, g, dw }
}

const forms: Readonly<Record<string, Forward>> = {
  'three by three': { batch: 3, channels: 4, outputs: 16, lengths: [9, 7], kernel: [3, 3], low: 1, high: 1 },
  'one channel': { batch: 2, channels: 1, outputs: 9, lengths: [11, 12], kernel: [3, 3], low: 1, high: 1 },
  'steps that leave pixels out': {
    ...{ batch: 2, channels: 5, outputs: 3, lengths: [10, 12], kernel: [3, 2], stride: 2 },
    ...{ low: 1, high: 0 },
  },
  'dilated taps': { batch: 2, channels: 6, outputs: 12, lengths: [9, 9], kernel: [3, 3], dilation: 2, low: 2, high: 2 },
  'one by one': { batch: 2, channels: 7, outputs: 21, lengths: [5, 4], kernel: [1, 1] },
  'one by one by two': { batch: 2, channels: 8, outputs: 8, lengths: [6, 5], kernel: [1, 1], stride: 2 },
  'one spatial axis': { batch: 3, channels: 3, outputs: 10, lengths: [17], kernel: [5], low: 2, high: 2 },
  'more than a band': { batch: 5, channels: 33, outputs: 40, lengths: [13, 17], kernel: [3, 3], low: 1, high: 1 },
  'more columns than go together': { batch: 1, channels: 3, outputs: 139, lengths: [9, 11], kernel: [2, 2] },
  groups: { batch: 2, channels: 12, outputs: 15, lengths: [7, 6], kernel: [3, 2], low: 1, high: 1, groups: 3 },
  depthwise: { batch: 3, channels: 9, outputs: 9, lengths: [9, 7], kernel: [3, 3], low: 1, high: 1, groups: 9 },
  'depthwise by two': {
    ...{ batch: 2, channels: 8, outputs: 8, lengths: [9, 10], kernel: [3, 3], stride: 2 },
    ...{ low: 0, high: 1, groups: 8 },
  },
  'depthwise with many taps': {
    ...{ batch: 1, channels: 6, outputs: 6, lengths: [150, 9], kernel: [5, 4], dilation: 2 },
    ...{ low: 2, high: 3, groups: 6 },
  },
  'depthwise along one axis': {
    batch: 2,
    channels: 5,
    outputs: 5,
    lengths: [40],
    kernel: [7],
    low: 3,
    high: 3,
    groups: 5,
  },
  'depthwise to several channels': { batch: 2, channels: 4, outputs: 8, lengths: [6, 6], kernel: [3, 3], groups: 4 },
  'a kernel as large as the image': { batch: 4, channels: 2, outputs: 8, lengths: [4, 4], kernel: [4, 4] },
}

describe("the gradient of a convolution's weights", () => {
  it.each(Object.entries(forms))('%s', async (_, form) => {
    for (const order of ['first', 'last'] as const) {
      const { x, g, dw } = gradientOf(form, order)
      const { kernels } = schedule(runPasses(graphOf([x, g], [dw])))
      const template = form.groups === form.outputs ? 'f32_dwconv_wgrad_3x3' : 'f32_wgrad_4x8'
      expect(kernels.filter((k) => k.kind === 'template').map((k) => k.template)).toContain(template)
      await expectCompiledEqualsEvaluated(graphOf([x, g], [dw]), new Random(3))
    }
  })

  it('reads activations where the convolutions beside it do', () => {
    const { x, g, dw } = gradientOf(forms['three by three']!, 'last')
    const w = inputOf('w', 'f32', [16, 4, 3, 3])
    const window = [3, 3].map((size): WindowAxis => ({ ...trivialWindow, size, low: 1, high: 1 }))
    const axes = { batch: 0, feature: 3, spatial: [1, 2] }
    const h = b.unary('exp', x)
    const y = b.convolution(h, w, {
      lhs: axes,
      rhs: { output: 0, input: 1, spatial: [2, 3] },
      out: axes,
      window,
      groups: 1,
    })
    const gradient = b.convolution(h, b.binary('mul', g, y), (dw.node as never as { attrs: never }).attrs)
    const { kernels } = schedule(runPasses(graphOf([x, g, w], [gradient])))
    const wgrad = kernels.find((k) => k.kind === 'template' && k.template === 'f32_wgrad_4x8')
    const forward = kernels.find((k) => k.kind === 'template' && k.template === 'f32_igemm_4x8')
    const operand = (k: typeof wgrad): unknown => (k as { args: Record<string, unknown> }).args['x']
    expect(operand(wgrad)).toEqual(operand(forward))
  })
})
