import { afterAll, describe, expect, it } from 'vitest'
import { Builder } from '../../compiler/core/builder.ts'
import { evaluate } from '../../compiler/core/evaluate.ts'
import type { Value } from '../../compiler/core/graph.ts'
import * as f from '../../compiler/core/scalar/formula.ts'
import { elementCount } from '../../compiler/core/shape.ts'
import { bytesOf, tensorOf, type Tensor } from '../../compiler/core/tensor.ts'
import { runPasses } from '../../compiler/passes/index.ts'
import { schedule } from '../../compiler/schedule/lower/index.ts'
import { compileGraph } from '../../compiler/pipeline.ts'
import { convolutionOf, weightShape, type Form } from '../support/convolution.ts'
import { expectSameBytes, jobOf } from '../support/engines/jobs.ts'
import { relaxedEngines } from '../support/engines/relaxed-engines.ts'
import { runOver } from '../support/engines/run-over.ts'
import { poisoned } from '../support/poisoned.ts'
import { Random } from '../support/random.ts'
import { graphOf, inputOf } from '../support/run-graph.ts'

const engines = await relaxedEngines(false)
afterAll(() => engines.forEach((engine) => engine.close()))

const b = new Builder(undefined)
const random = new Random(29)
/** Small integers and a little, so that no sum is rounded, fused or not. */
const whole = (shape: readonly number[], more = 0): Tensor =>
  tensorOf(
    'f32',
    shape,
    Array.from({ length: elementCount(shape) }, () => random.int(9) - 4 + more),
  )

/** What makes weights no floats of 16 bits, into which nothing is folded. */
const noHalf = 2 ** -10

interface Case {
  readonly height: number
  readonly width: number
  readonly channels: number
  readonly kernel: number
  readonly stride: number
  /** What is added behind the activation: the convolution's padding is 0, that of what comes before the addition is not. */
  readonly shift?: number
}

/** A depthwise convolution of what a pointwise one computes, which something else reads, too, unless a shift is between. */
function graphFor({ height, width, channels, kernel, stride, shift }: Case) {
  const x = inputOf('x', 'f32', [1, height, width, 3])
  const wide: Form = { x: x.type.shape, kernel: [1, 1], outputs: channels }
  const relu = b.map([convolutionOf(x, wide, 0, b.constant(whole(weightShape(wide))))], (v) => f.max(v, 0))
  const shifted = shift === undefined ? relu : b.map([relu], (v) => f.add(v, shift))
  const form: Form = {
    ...{ x: relu.type.shape, kernel: [kernel, kernel], outputs: channels, groups: channels, stride },
    pad: kernel >> 1,
  }
  const y = convolutionOf(shifted, form, 0, b.constant(whole(weightShape(form), noHalf)))
  const also: Value[] = shift === undefined ? [b.map([relu], (v) => f.mul(v, 2))] : []
  return { graph: graphOf([x], [y, ...also]), inputs: { x: whole(x.type.shape) } }
}

/** Elements of the largest buffer of the arena. */
function longest({ graph }: ReturnType<typeof graphFor>): number {
  const { kernels } = schedule(runPasses(graph))
  const buffers = kernels.flatMap((k) =>
    k.kind === 'template'
      ? Object.values(k.args).flatMap((a) => (typeof a === 'object' && 'buffer' in a ? [a.buffer.length] : []))
      : [],
  )
  return Math.max(...buffers)
}

async function expectRight({ graph, inputs }: ReturnType<typeof graphFor>): Promise<void> {
  const expected = Object.entries(evaluate(graph, inputs))
  const results = (await poisoned(schedule(runPasses(graph)))).run(inputs)
  for (const [name, value] of expected) expect(results[name]!.data, name).toEqual(value.data)
  const compiled = await compileGraph(graph)
  const all = expected.map(([, value]) => bytesOf(value))
  expectSameBytes(runOver(jobOf(compiled, 'simd', inputs)), all, 'simd')
  const relaxed = jobOf(compiled, 'relaxed-simd', inputs)
  for (const engine of engines) expectSameBytes(await engine.run(relaxed), all, engine.name)
}

describe('depthwise convolutions of pixels a power of two apart', () => {
  const shapes = [1, 2].flatMap((stride) =>
    [3, 5].flatMap((kernel) =>
      [
        // Gaps behind rows, and none: 320 bytes are no multiple of 256.
        [5, 7, 64],
        [6, 1, 128],
        [1, 9, 192],
        [7, 6, 80],
        // One row with its border goes beyond the first-level cache: gaps behind pixels.
        [3, 67, 128],
        [4, 130, 64],
      ].map(([height, width, channels]) => ({ height, width, channels, kernel, stride }) as Case),
    ),
  )

  it.each(shapes)('$height × $width × $channels, $kernel × $kernel by $stride', async (of) => {
    await expectRight(graphFor(of))
  })

  it('stand with a line between their rows, or between pixels where a row is long', () => {
    const kernel = 3
    const bordered = (height: number, width: number): number => (height + 2) * (width + 2)
    const rows = longest(graphFor({ height: 5, width: 7, channels: 64, kernel, stride: 1 }))
    expect(rows).toBe(bordered(5, 7) * 64 + 7 * 16)
    const pixels = longest(graphFor({ height: 3, width: 67, channels: 128, kernel, stride: 1 }))
    expect(pixels).toBe(bordered(3, 67) * (128 + 16))
    const none = longest(graphFor({ height: 7, width: 6, channels: 80, kernel, stride: 1 }))
    expect(none).toBe(bordered(7, 6) * 80)
  })
})

describe('borders of other floats than zero', () => {
  const shapes = [1, 3, 7, 16, 64, 128].flatMap((channels) =>
    [
      [1, 1],
      [4, 5],
      [3, 67],
    ].map(([height, width]) => ({ height, width, channels, kernel: 3, stride: 1, shift: 2 }) as Case),
  )

  it.each(shapes)('$height × $width × $channels', async (of) => {
    const made = graphFor(of)
    const { kernels } = schedule(runPasses(made.graph))
    expect(kernels.some((k) => k.kind === 'template' && k.template === 'f32_fill_border')).toBe(true)
    await expectRight(made)
  })
})
