import { describe, expect, it } from 'vitest'
import type { DType } from '../../compiler/core/scalar/dtype.ts'
import { tensorOf, toNumbers } from '../../compiler/core/tensor.ts'
import { compile } from '../../compiler/pipeline.ts'
import { model, node, stored, type GraphText } from '../onnx/build.ts'
import { runModule } from '../support/run-graph.ts'

/** The first output of a model of 16-bit floats on `x`. */
async function run(graph: GraphText, dtype: DType, x: readonly number[]): Promise<number[]> {
  const { modules, spec } = await compile(model(graph), { targets: ['simd'] })
  const result = runModule(modules.simd!, spec, { x: tensorOf(dtype, spec.inputs[0]!.shape, x) })
  return toNumbers(result[spec.outputs[0]!.name]!)
}

describe.each([
  ['f16', 1 + 2 ** -10, 1 + 2 ** -9, 2 ** -20, 10],
  ['bf16', 1 + 2 ** -7, 1 + 2 ** -6, 2 ** -14, 16],
] as const)('%s', (dtype, x, rounded, rest, number) => {
  // x² is `rounded` in 16 bits, and `rest` more than that.
  const initializers = [
    stored('c', tensorOf(dtype, [], [rounded])),
    stored('shape', tensorOf('i64', [1], [4])),
    stored('index', tensorOf('i64', [1], [1])),
  ]
  const square = (...nodes: (string | ReturnType<typeof node>)[]): GraphText => ({
    inputs: [`x ${dtype}[2,2]`],
    outputs: [`y ${dtype}`],
    nodes: ['s = Mul(x, x)', ...nodes],
    initializers,
  })
  const all = [x, x, x, x]

  it('is not rounded between operators, nor where these only move elements', async () => {
    expect(await run(square('y = Sub(s, c)'), dtype, all)).toEqual([rest, rest, rest, rest])
    const joined = node('j = Concat(t, x)', { attributes: { axis: 0 } })
    const moved = square('t = Transpose(s)', joined, 'g = Gather(j, index)', 'y = Sub(g, c)')
    expect(await run(moved, dtype, all)).toEqual([rest, rest])
    const wide = node('y = Cast(s)', { attributes: { to: 1 } })
    expect(await run({ ...square(wide), outputs: ['y f32'] }, dtype, all)).toEqual(all.map((v) => v * v))
    const piece = square('f = Reshape(s, shape)', 'i = Identity(f)', 'y = Sub(i, c)')
    expect(await run(piece, dtype, all)).toEqual([rest, rest, rest, rest])
  })

  it('is rounded where the model says so, and at the end', async () => {
    expect(await run(square('y = Identity(s)'), dtype, all)).toEqual([rounded, rounded, rounded, rounded])
    const cast = node('r = Cast(s)', { attributes: { to: number } })
    const wide = node('w = Cast(s)', { attributes: { to: 1 } })
    const back = node('b = Cast(w)', { attributes: { to: number } })
    expect(await run(square(cast, 'y = Sub(r, c)'), dtype, all)).toEqual([rest, rest, rest, rest])
    expect(await run(square(wide, back, 'y = Sub(b, c)'), dtype, all)).toEqual([0, 0, 0, 0])
  })

  it('takes the kernels of the same model in f32, and two bytes for a weight', async () => {
    const network = (of: DType): Uint8Array => {
      const weights = (name: string, ...shape: number[]) =>
        stored(
          name,
          tensorOf(
            of,
            shape,
            Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => ((i * 37) % 101) / 64 - 0.75),
          ),
        )
      const conv = (text: string, pad = 0) => node(text, { attributes: { pads: [pad, pad, pad, pad] } })
      return model({
        inputs: [`x ${of}[1,8,9,9]`],
        outputs: [`y ${of}[1,32]`],
        nodes: [
          ...[conv('s = Conv(x, w1, b1)'), 'q = Relu(s)', conv('l = Conv(q, w2, b2)'), 'e1 = Relu(l)'],
          ...[conv('r = Conv(q, w3, b2)', 1), 'e3 = Relu(r)', node('e = Concat(e1, e3)', { attributes: { axis: 1 } })],
          node('p = MaxPool(e)', { attributes: { kernel_shape: [3, 3], strides: [2, 2] } }),
          ...['g = GlobalAveragePool(p)', 'f = Flatten(g)', 'y = Softmax(f)'],
        ],
        initializers: [
          ...[weights('w1', 16, 8, 1, 1), weights('b1', 16), weights('w2', 16, 16, 1, 1), weights('b2', 16)],
          weights('w3', 16, 16, 3, 3),
        ],
      })
    }
    const [half, float] = await Promise.all([dtype, 'f32' as const].map((of) => compile(network(of))))
    const templates = ({ report }: typeof half & object): string[] =>
      report.kernels.flatMap(({ kernel }) => (kernel === 'nest' || kernel === 'fill_border' ? [] : [kernel]))
    expect(templates(half!)).toEqual(templates(float!))
    expect(half!.report.memory).toBeLessThanOrEqual(float!.report.memory)
    const parameters = 16 * 8 + 16 * 16 + 16 * 16 * 9
    // As f32 of numbers that 16 bits have they are stored in two bytes as well.
    for (const { report } of [half!, float!])
      expect(report.kernels.reduce((sum, { weights }) => sum + weights, 0)).toBeLessThan(2 * parameters + 512)
    const x = Array.from({ length: 648 }, (_, i) => ((i * 29) % 64) / 32 - 1)
    const [a, b] = [half!, float!].map(({ modules, spec }, i) =>
      toNumbers(runModule(modules.simd!, spec, { x: tensorOf(i === 0 ? dtype : 'f32', [1, 8, 9, 9], x) })['y']!),
    )
    a!.forEach((value, i) =>
      expect(Math.abs(value - b![i]!)).toBeLessThanOrEqual(b![i]! * (dtype === 'f16' ? 2 ** -11 : 2 ** -8)),
    )
  })

  it('keeps weights in two bytes where a batch normalization follows, in the one kernel', async () => {
    const vector = (name: string, value: (i: number) => number) =>
      stored(
        name,
        tensorOf(
          dtype,
          [32],
          Array.from({ length: 32 }, (_, i) => value(i)),
        ),
      )
    const weights = Array.from({ length: 32 * 32 }, (_, i) => ((i * 37) % 101) / 64 - 0.75)
    const { modules, spec, report } = await compile(
      model({
        inputs: [`x ${dtype}[1,32,4,4]`],
        outputs: [`y ${dtype}[1,32,1,1]`],
        nodes: [
          ...['c = Conv(x, w, b)', 'n = BatchNormalization(c, b, b, m, v)', 'r = Relu(n)'],
          'y = GlobalAveragePool(r)',
        ],
        initializers: [
          stored('w', tensorOf(dtype, [32, 32, 1, 1], weights)),
          ...[vector('b', (i) => 0.5 + i / 32), vector('m', (i) => i / 16 - 1), vector('v', (i) => 1 + i / 8)],
        ],
      }),
      { targets: ['simd'] },
    )
    expect(report.kernels.reduce((sum, { weights }) => sum + weights, 0)).toBeLessThanOrEqual(32 * 32 * 2 + 2 * 128)
    expect(report.kernels.map(({ kernel }) => kernel)).toEqual(['nest', 'f32_igemm_4x8', 'nest'])
    const x = Array.from({ length: 512 }, (_, i) => ((i * 29) % 64) / 32 - 1)
    const y = toNumbers(runModule(modules.simd!, spec, { x: tensorOf(dtype, [1, 32, 4, 4], x) })['y']!)
    for (const channel of [0, 5, 31]) {
      const b = 0.5 + channel / 32
      const factor = b / Math.sqrt(1 + channel / 8 + 1e-5)
      const filter = weights.slice(channel * 32, channel * 32 + 32)
      const pixels = Array.from({ length: 16 }, (_, pixel) => {
        const sum = filter.reduce((s, w, k) => s + w * x[k * 16 + pixel]!, 0)
        return Math.max(0, factor * (sum + b - (channel / 16 - 1)) + b)
      })
      const expected = pixels.reduce((s, v) => s + v, 0) / 16
      expect(Math.abs(y[channel]! - expected)).toBeLessThanOrEqual(expected * (dtype === 'f16' ? 1e-3 : 8e-3))
    }
  })
})
