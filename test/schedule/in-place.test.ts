import { describe, expect, it } from 'vitest'
import { Builder } from '../../compiler/core/builder.ts'
import * as f from '../../compiler/core/scalar/formula.ts'
import type { Value } from '../../compiler/core/graph.ts'
import type { ConvolutionAttrs } from '../../compiler/core/ops/convolution.ts'
import { softmax } from '../../compiler/onnx/shared/nn/softmax.ts'
import { runPasses } from '../../compiler/passes/index.ts'
import { schedule } from '../../compiler/schedule/lower/index.ts'
import { planMemory } from '../../compiler/schedule/memory/plan.ts'
import { writesOf, type Kernel, type Program } from '../../compiler/schedule/program/program.ts'
import { Random } from '../support/random.ts'
import { expectCompiledEqualsEvaluated, graphOf, inputOf, randomTensor } from '../support/run-graph.ts'

const b = new Builder(undefined)

/** Compiles, compares with the evaluator, and gives the program. */
async function check(inputs: Value[], outputs: Value[]): Promise<Program> {
  const graph = graphOf(inputs, outputs)
  await expectCompiledEqualsEvaluated(graph, new Random(3))
  return schedule(runPasses(graph))
}

/** Whether the kernel's result stands where the operand does that it was added to. */
const isInPlace = (k: Kernel): boolean => k.kind === 'template' && k.replaces === writesOf(k)[0]

/** A convolution of channels-last images that keeps their extents, or halves even ones. */
function convolution(x: Value, outputs: number, taps: number, seed: number, stride: 1 | 2 = 1): Value {
  const channels = x.type.shape[3]!
  const [low, high] = stride === 1 ? [taps >> 1, taps >> 1] : [0, 1]
  const axis = { size: taps, stride, low, high, dilation: 1, baseDilation: 1 }
  const layout = { batch: 0, feature: 3, spatial: [1, 2] }
  const attrs: ConvolutionAttrs = {
    lhs: layout,
    rhs: { output: 0, input: 1, spatial: [2, 3] },
    out: layout,
    window: [axis, axis],
    groups: 1,
  }
  const weights = randomTensor(new Random(seed), 'f32', [outputs, channels, taps, taps])
  return b.binary('mul', b.convolution(x, b.constant(weights), attrs), b.scalar(0.1, 'f32'))
}

describe('results take the place of operands', () => {
  it('of one map after another', async () => {
    const x = inputOf('x', 'f32', [40, 33])
    const program = await check([x], [softmax(b, b.binary('add', x, b.mean(x, [0], true)), [1])])
    const { arenaBytes } = planMemory(program)
    // One tensor in and one out, each a multiple of 16 bytes, and vectors of 33 and twice 40.
    expect(arenaBytes).toBeLessThanOrEqual(2 * 40 * 33 * 4 + 144 + 2 * 160)
  })

  it('but not where it is read again, at other places, or in other sizes', async () => {
    const x = inputOf('x', 'f32', [9, 9])
    const sums = (v: Value): Value => b.reduce('add', v, [0])
    const y = b.unary('exp', x)
    const flipped = b.binary('add', y, b.transpose(y, [1, 0]))
    const again = b.binary('mul', b.unary('tanh', y), sums(y))
    const bytes = b.convert(
      b.map([y], (e) => f.mul(e, 3)),
      'u8',
    )
    for (const z of [flipped, again, bytes]) await check([x], [sums(z), z])
    await check([x], [flipped, again, bytes, y])
  })

  it('and leave inputs apart from outputs', async () => {
    const x = inputOf('x', 'f32', [50])
    const program = await check([x], [b.unary('abs', x)])
    const { addresses } = planMemory(program)
    expect(addresses.get(program.inputs[0]!.buffer)).not.toBe(addresses.get(program.outputs[0]!.buffer))
  })

  it.each([
    [3, 5, 4],
    [1, 7, 9],
    [6, 6, 16],
    [4, 4, 3],
  ])('residual additions of %d × %d pixels, %d channels', async (height, width, channels) => {
    const x = inputOf('x', 'f32', [1, height, width, channels])
    const relu = (v: Value): Value => b.binary('max', v, b.scalar(0, 'f32'))
    const block = (v: Value, seed: number): Value =>
      relu(b.binary('add', convolution(relu(convolution(v, channels, 3, seed)), channels, 3, seed + 1), v))
    const first = convolution(x, channels, 3, 1)
    const program = await check([x], [convolution(block(block(relu(first), 2), 4), channels, 3, 6)])
    expect(program.kernels.filter(isInPlace)).toHaveLength(2)
    // The sums' borders are those of what they replace.
    const borders = program.kernels.filter((k) => k.kind === 'template' && k.template === 'fill_border')
    expect(borders).toHaveLength(4)
  })

  it('residual additions whose result needs less of a border than their operand', async () => {
    const x = inputOf('x', 'f32', [1, 6, 8, 4])
    const first = b.unary('abs', convolution(x, 4, 3, 1))
    const sum = b.binary('add', convolution(b.unary('abs', convolution(first, 4, 3, 2)), 4, 3, 3), first)
    const program = await check([x], [convolution(sum, 4, 3, 4, 2)])
    expect(program.kernels.filter(isInPlace)).toHaveLength(1)
  })

  it('but not the operand of the product itself', async () => {
    const x = inputOf('x', 'f32', [5, 6])
    const w = inputOf('w', 'f32', [6, 6])
    const y = b.unary('tanh', x)
    const product = b.dotGeneral(y, w, { lhsBatch: [], rhsBatch: [], lhsContract: [1], rhsContract: [0] })
    const program = await check([x, w], [b.unary('abs', b.unary('exp', b.binary('add', product, y)))])
    expect(program.kernels.filter(isInPlace)).toEqual([])
  })

  it('within a loop, what a step leaves for the next stays', async () => {
    const x = inputOf('x', 'f32', [7, 5])
    const [iteration, state] = [inputOf('i', 'i32', []), inputOf('s', 'f32', [7, 5])]
    const y = b.unary('tanh', state)
    const next = b.binary('add', b.binary('mul', y, b.mean(y, [1], true)), b.unary('exp', b.binary('sub', y, state)))
    const { carried } = b.while({
      trips: 4,
      iteration,
      carried: [{ initial: x, argument: state, next }],
      scanInputs: [],
      scanOutputs: [{ slice: y, axis: 0, reverse: false }],
    })
    await check([x], [carried[0]!])
  })

  it('within a loop, an input that each step reads stays', async () => {
    const [x, y] = [inputOf('x', 'f32', [7, 5]), inputOf('y', 'f32', [7, 5])]
    const [iteration, state] = [inputOf('i', 'i32', []), inputOf('s', 'f32', [7, 5])]
    const sum = b.unary('tanh', b.binary('add', state, y))
    const next = b.binary('sub', sum, b.reduce('max', sum, [1], true))
    const { carried } = b.while({
      trips: 3,
      iteration,
      carried: [{ initial: x, argument: state, next }],
      scanInputs: [],
      scanOutputs: [],
    })
    await check([x, y], [carried[0]!])
  })
})
