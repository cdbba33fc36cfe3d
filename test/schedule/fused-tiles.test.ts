import { afterAll, describe, expect, it } from 'vitest'
import type { Target } from '../../compiler/core/artefact/artefact.ts'
import type { Graph } from '../../compiler/core/graph.ts'
import { Builder } from '../../compiler/core/builder.ts'
import * as f from '../../compiler/core/scalar/formula.ts'
import { elementCount } from '../../compiler/core/shape.ts'
import { tensorOf, type Tensor } from '../../compiler/core/tensor.ts'
import { withFusedTiles } from '../../compiler/schedule/kernels/fused-tiles.ts'
import { runPasses } from '../../compiler/passes/index.ts'
import { compileGraph } from '../../compiler/pipeline.ts'
import { scheduleEach } from '../../compiler/schedule/lower/index.ts'
import type { Kernel, Program, TemplateKernel } from '../../compiler/schedule/program/program.ts'
import { convolutionOf, weightShape, type Form } from '../support/convolution.ts'
import { moduleOf } from '../support/program.ts'
import { relaxedEngines } from '../support/engines/relaxed-engines.ts'
import { Random } from '../support/random.ts'
import { expectModulesEqualEvaluated, graphOf, inputOf } from '../support/run-graph.ts'

const engines = await relaxedEngines(false)
afterAll(() => engines.forEach((engine) => engine.close()))

const b = new Builder(undefined)
const random = new Random(5)

/** Small integers, so that no sum is rounded, fused or not. */
const whole = (shape: readonly number[]): Tensor =>
  tensorOf(
    'f32',
    shape,
    Array.from({ length: elementCount(shape) }, () => random.int(9) - 4),
  )

/** Pointwise convolutions one after another, each with an activation of its own kind. */
function pointwise(side: number, channels: readonly number[], activations = 1): Graph {
  const x = inputOf('x', 'f32', [1, side, side, channels[0]!])
  let value = x
  channels.slice(1).forEach((outputs, i) => {
    const form: Form = { x: value.type.shape, kernel: [1, 1], outputs }
    const weights = b.constant(whole(weightShape(form)))
    value = b.map([convolutionOf(value, form, 0, weights)], (v) => f.max(v, i % activations))
  })
  return graphOf([x], [value])
}

const programOf = (graph: Graph): Program => scheduleEach([runPasses(graph)], [[]])[0]!
const products = ({ kernels }: Program): TemplateKernel[] =>
  kernels.filter((k): k is TemplateKernel => k.kind === 'template' && k.template === 'f32_igemm_4x8')
const fused = (graph: Graph) => products(programOf(graph)).map((k) => k.fused)

describe('tiles where multiply-adds are fused', () => {
  it('have as many pixels as leave the fewest over', () => {
    expect(fused(pointwise(24, [96, 96]))).toEqual(['f32_igemm_6x8'])
    expect(fused(pointwise(5, [480, 480]))).toEqual(['f32_igemm_5x8'])
    expect(fused(pointwise(4, [480, 480]))).toEqual([undefined])
    expect(fused(pointwise(2, [512, 1024]))).toEqual([undefined])
  })

  it('save more than their code is long, all layers of one activation together', () => {
    expect(fused(pointwise(8, [32, 32]))).toEqual([undefined])
    expect(fused(pointwise(24, Array<number>(6).fill(32)))).toEqual(Array(5).fill('f32_igemm_6x8'))
    expect(fused(pointwise(12, Array<number>(5).fill(32), 4))).toEqual(Array(4).fill(undefined))
  })

  it('have pixels that no multiple of a KiB is between', () => {
    const [first, second] = products(programOf(pointwise(10, [256, 256, 256])))
    // The module's input stands without gaps, what a layer leaves for the next has a line behind each pixel.
    expect([first!.args['step'], first!.fused]).toEqual([1024, undefined])
    expect([second!.args['step'], second!.fused]).toEqual([1024 + 64, 'f32_igemm_6x8'])
  })

  it('stand in bands that are whole tiles of both templates', () => {
    for (const [side, both] of [[24, 12] as const, [5, 20] as const]) {
      for (const { fused, args } of products(programOf(pointwise(side, [480, 480])))) {
        expect(fused).toBe(both === 20 ? 'f32_igemm_5x8' : 'f32_igemm_6x8')
        expect((args['band'] as number) % both).toBe(0)
      }
    }
  })

  it('are nowhere where a program computes with the dot product', () => {
    const [plain] = scheduleEach([runPasses(pointwise(24, [96, 96]))], [[]])
    const [kernel] = products(plain!)
    const { fused: _, ...without } = kernel!
    const other: Program = { ...plain!, kernels: [{ ...without, dot: 'u8_igemm_dot_6x8' }] }
    const again = withFusedTiles([{ ...plain!, kernels: [without] }, other])
    expect(again.flatMap(products).map((k) => k.fused)).toEqual([undefined, undefined])
  })

  it('stand in the relaxed-simd module alone, and in its report', async () => {
    const graph = pointwise(24, [96, 96])
    const { report } = await compileGraph(graph)
    const layer = report.kernels.find(({ macs }) => macs > 0)
    expect(layer).toMatchObject({ kernel: 'f32_igemm_4x8', relaxed: 'f32_igemm_6x8', dotMacs: 0 })
    const program = programOf(graph)
    const kernels = program.kernels.map((kernel): Kernel => {
      if (kernel.kind !== 'template') return kernel
      const { fused: _, ...without } = kernel
      return without
    })
    const wasm = async (of: Program, target: Target) => (await moduleOf(of, { target })).wasm
    const alike = async (target: Target) =>
      Buffer.from(await wasm(program, target)).equals(await wasm({ ...program, kernels }, target))
    expect([await alike('simd'), await alike('relaxed-simd')]).toEqual([true, false])
  })

  it.each([
    ['f32_igemm_6x8', 'one more pixel than whole tiles', 23, [48, 88, 96, 88]],
    ['f32_igemm_5x8', 'one tile after another', 5, [480, 484, 480, 484]],
    ['f32_igemm_6x8', 'channels that are no multiple of eight', 24, [60, 42, 33, 61]],
  ])('compute the same: %s, %s', async (template, _, side, channels) => {
    const graph = pointwise(side, channels)
    expect(new Set(fused(graph))).toEqual(new Set([template]))
    const x = whole([1, side, side, channels[0]!])
    await expectModulesEqualEvaluated(graph, { x }, engines, 0)
  })
})
