import { describe, expect, it } from 'vitest'
import { Builder } from '../../compiler/core/builder.ts'
import type { Value } from '../../compiler/core/graph.ts'
import { tensorOf } from '../../compiler/core/tensor.ts'
import { runPasses } from '../../compiler/passes/index.ts'
import { schedule } from '../../compiler/schedule/lower/index.ts'
import { innerKernels, type Kernel } from '../../compiler/schedule/program/program.ts'
import { Random } from '../support/random.ts'
import { expectCompiledEqualsEvaluated, graphOf, inputOf } from '../support/run-graph.ts'

const b = new Builder(undefined)

/** A convolution of channels-last images that keeps their extents. */
function convolution(x: Value, outputs: number, taps: number, groups: number): Value {
  const random = new Random(taps)
  const inputs = x.type.shape[3]! / groups
  const count = taps * taps * inputs * outputs
  const weights = tensorOf(
    'f32',
    [taps, taps, inputs, outputs],
    Array.from({ length: count }, () => random.float() - 0.5),
  )
  const axis = { size: taps, stride: 1, low: taps >> 1, high: taps >> 1, dilation: 1, baseDilation: 1 }
  return b.convolution(x, b.constant(weights), {
    lhs: { batch: 0, feature: 3, spatial: [1, 2] },
    rhs: { output: 3, input: 2, spatial: [0, 1] },
    out: { batch: 0, feature: 3, spatial: [1, 2] },
    window: [axis, axis],
    groups,
  })
}

const templatesOf = (kernels: readonly Kernel[]): string[] =>
  kernels.flatMap((k) => (k.kind === 'template' ? [k.template] : templatesOf(innerKernels(k))))

describe('several images', () => {
  it.each([
    ['depthwise', 8, 8, 3, 8, 'f32_dwconv_3x3'],
    ['grouped', 8, 16, 3, 2, 'f32_igemm_4x8'],
    ['by Winograd', 32, 32, 3, 1, 'f32_winograd_2x2'],
  ])('%s: one call in a loop over them, with what is added', async (_, inputs, outputs, taps, groups, template) => {
    const x = inputOf('x', 'f32', [5, 6, 8, inputs])
    const residual = inputOf('r', 'f32', [5, 6, 8, outputs])
    const graph = graphOf([x, residual], [b.binary('add', convolution(x, outputs, taps, groups), residual)])
    const { kernels } = schedule(runPasses(graph))
    expect(templatesOf(kernels).filter((name) => name === template)).toHaveLength(1)
    const loops = kernels.filter((k) => k.kind === 'loop')
    expect(loops.map((k) => k.trips)).toEqual([5])
    await expectCompiledEqualsEvaluated(graph, new Random(3))
  })

  it('products of one row', async () => {
    const x = inputOf('x', 'f32', [7, 1, 40])
    const w = inputOf('w', 'f32', [7, 40, 24])
    const product = b.dotGeneral(x, w, { lhsBatch: [0], rhsBatch: [0], lhsContract: [2], rhsContract: [1] })
    const graph = graphOf([x, w], [product])
    const { kernels } = schedule(runPasses(graph))
    expect(templatesOf(kernels)).toEqual(['f32_gemv_1x32'])
    await expectCompiledEqualsEvaluated(graph, new Random(3))
  })

  it.each([
    ['scores', [3], [3]],
    ['sums of values', [3], [2]],
    ['gradients', [2], [2]],
  ])('heads of several texts, which lie within one another: %s', async (_, lhsContract, rhsContract) => {
    const q = inputOf('q', 'f32', [2, 6, 3, 6])
    const k = inputOf('k', 'f32', [2, 6, 3, 6])
    const heads = (v: Value): Value => b.transpose(v, [0, 2, 1, 3])
    const product = b.dotGeneral(heads(q), heads(k), { lhsBatch: [0, 1], rhsBatch: [0, 1], lhsContract, rhsContract })
    const graph = graphOf([q, k], [product])
    expect(templatesOf(schedule(runPasses(graph)).kernels)).toEqual(['f32_igemm_4x8'])
    await expectCompiledEqualsEvaluated(graph, new Random(3))
  })

  it('sums over texts and words, whose words lie apart', async () => {
    const x = inputOf('x', 'f32', [3, 7, 10])
    const g = inputOf('g', 'f32', [3, 12, 7])
    const attrs = { lhsBatch: [], rhsBatch: [], lhsContract: [0, 1], rhsContract: [0, 1] }
    const graph = graphOf([x, g], [b.dotGeneral(x, b.transpose(g, [0, 2, 1]), attrs)])
    expect(templatesOf(schedule(runPasses(graph)).kernels)).toEqual(['f32_igemm_4x8'])
    await expectCompiledEqualsEvaluated(graph, new Random(3))
  })
})
