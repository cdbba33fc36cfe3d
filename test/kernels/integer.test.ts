import { afterAll, describe, expect, it } from 'vitest'
import { Builder } from '../../compiler/core/builder.ts'
import type { Value } from '../../compiler/core/graph.ts'
import { convert } from '../../compiler/core/scalar/expr.ts'
import { evaluate } from '../../compiler/core/evaluate.ts'
import * as f from '../../compiler/core/scalar/formula.ts'
import { dequantized, saturated } from '../../compiler/core/scalar/quantization.ts'
import { elementCount } from '../../compiler/core/shape.ts'
import { allocate, type TypedArray } from '../../compiler/core/scalar/dtype.ts'
import { bytesOf, type Tensor } from '../../compiler/core/tensor.ts'
import { compileGraph } from '../../compiler/pipeline.ts'
import {
  bytes as randomBytes,
  convolutionOf as constantConvolution,
  requantized as requantizedSum,
  weightShape,
  type Byte,
  type Form,
} from '../support/convolution.ts'
import { expectSameBytes, jobOf } from '../support/engines/jobs.ts'
import { Random } from '../support/random.ts'
import { relaxedEngines } from '../support/engines/relaxed-engines.ts'
import { graphOf, inputOf } from '../support/run-graph.ts'
import { runOver } from '../support/engines/run-over.ts'

const b = new Builder(undefined)
const random = new Random(5)
const engines = await relaxedEngines()
afterAll(() => engines.forEach((engine) => engine.close()))

const bytes = (dtype: Byte, shape: readonly number[]): Tensor => randomBytes(random, dtype, shape)

const convolutionOf = (x: Value, form: Form, padValue: number, weights = bytes('i8', weightShape(form))): Value =>
  constantConvolution(x, form, padValue, b.constant(weights))

const requantized = (sum: Value, channels: number, dtype: Byte, zero: number): Value =>
  requantizedSum(random, sum, channels, dtype, zero)

const floats = (shape: readonly number[], scale: number): Value => {
  const data = Float32Array.from({ length: elementCount(shape) }, () => (0.5 + random.float()) * scale)
  return b.constant({ dtype: 'f32', shape, data })
}

/** Compiles and runs on every engine there is, which all must give the evaluator's bits; the kernels that were used. */
async function expectExact(
  inputs: readonly Value[],
  outputs: readonly Value[],
  data: readonly Tensor[],
): Promise<string[]> {
  const graph = graphOf(inputs, outputs)
  const named = Object.fromEntries(data.map((t, i) => [graph.inputs[i]!.name, t]))
  const expected = Object.values(evaluate(graph, named)).map(bytesOf)
  const compiled = await compileGraph(graph)
  expectSameBytes(runOver(jobOf(compiled, 'simd', named)), expected, 'simd')
  for (const engine of engines) {
    expectSameBytes(await engine.run(jobOf(compiled, 'relaxed-simd', named)), expected, engine.name)
  }
  return compiled.report.kernels.map((k) => k.kernel)
}

const forms: Readonly<Record<string, Form>> = {
  '3×3': { x: [1, 9, 7, 8], kernel: [3, 3], outputs: 16, pad: 1 },
  '3×3 of 3 channels': { x: [2, 8, 8, 3], kernel: [3, 3], outputs: 12, pad: 1, stride: 2 },
  'dilated, ragged': { x: [1, 10, 11, 5], kernel: [2, 3], outputs: 11, dilation: 2, pad: 2 },
  '1×1': { x: [1, 5, 5, 20], kernel: [1, 1], outputs: 24 },
  'one axis': { x: [2, 17, 6], kernel: [5], outputs: 9, pad: 2 },
  groups: { x: [2, 6, 6, 12], kernel: [3, 3], outputs: 18, groups: 3, pad: 1 },
  'depthwise 3×3': { x: [2, 7, 9, 24], kernel: [3, 3], outputs: 24, groups: 24, pad: 1 },
  'depthwise 3×3 by 2': { x: [1, 9, 8, 13], kernel: [3, 3], outputs: 13, groups: 13, pad: 1, stride: 2 },
  'strips of 16 pixels': { x: [1, 9, 11, 120], kernel: [3, 3], outputs: 9, pad: 1 },
  'strips of 16 pixels by 2': { x: [2, 15, 9, 121], kernel: [3, 3], outputs: 8, pad: 1, stride: 2 },
  'groups of a single row': { x: [2, 33, 10], kernel: [4], outputs: 12, groups: 2, stride: 2 },
  Winograd: { x: [2, 8, 12, 16], kernel: [3, 3], outputs: 24, pad: 1 },
  'Winograd, strips of 15 tiles': { x: [1, 6, 30, 40], kernel: [3, 3], outputs: 8, pad: 1 },
  'Winograd without padding': { x: [1, 10, 10, 24], kernel: [3, 3], outputs: 24 },
  'depthwise 3×3, one pixel': { x: [1, 3, 3, 12], kernel: [3, 3], outputs: 12, groups: 12 },
  'depthwise 3×3 by 2, one pixel': { x: [1, 3, 3, 7], kernel: [3, 3], outputs: 7, groups: 7, stride: 2 },
  'depthwise 5×5': { x: [1, 8, 8, 10], kernel: [5, 5], outputs: 10, groups: 10, pad: 2 },
}

/** Kernels of all engines but those whose relaxed dot product is exact. */
const kernelOf = (name: string): string =>
  name.startsWith('Winograd')
    ? 'u8_winograd_i16_3x3'
    : !name.startsWith('depthwise')
      ? 'u8_igemm_i16_4x8'
      : name.includes('3×3')
        ? 'u8_dwconv_i16_3x3'
        : 'u8_dwconv_i16'

describe('8-bit convolution', () => {
  it.each(Object.entries(forms))('%s, exact on every engine', async (name, form) => {
    for (const dtype of ['i8', 'u8'] as const) {
      const zero = dtype === 'i8' ? -7 : 131
      const x = inputOf('x', dtype, form.x)
      const sum = convolutionOf(x, form, zero)
      const outputs = [requantized(sum, form.outputs, dtype === 'i8' ? 'u8' : 'i8', 3)]
      const kernels = await expectExact([x], outputs, [bytes(dtype, form.x)])
      expect(new Set(kernels.filter((k) => k.startsWith('u8_')))).toEqual(new Set([kernelOf(name)]))
    }
  })

  it.each(['3×3', 'dilated, ragged', 'Winograd', 'depthwise 3×3', 'depthwise 3×3 by 2'])(
    '%s gives sums and floats as well',
    async (name) => {
      const form = forms[name]!
      const x = inputOf('x', 'u8', form.x)
      const scale = floats([form.outputs], 0.01)
      const scaled = b.map([convolutionOf(x, form, 9), scale], (s, m) => dequantized(s!, m!, undefined))
      await expectExact([x], [convolutionOf(x, form, 9), scaled], [bytes('u8', form.x)])
    },
  )

  const extremes: Readonly<Record<string, Form>> = {
    '1×1': { x: [1, 4, 4, 72], kernel: [1, 1], outputs: 8 },
    '3×3': { x: [1, 5, 5, 16], kernel: [3, 3], outputs: 8 },
    // 4 · 9 · 255 · 128 times as many channels is the last multiple of eight below 2³¹.
    Winograd: { x: [1, 6, 6, 1824], kernel: [3, 3], outputs: 8 },
    'depthwise 3×3': { x: [1, 6, 6, 8], kernel: [3, 3], outputs: 8, groups: 8 },
    'depthwise 5×5': { x: [1, 7, 7, 8], kernel: [5, 5], outputs: 8, groups: 8 },
  }

  it.each(Object.entries(extremes))('%s of the largest numbers there are', async (name, form) => {
    const [, rows, columns, channels] = form.x
    const patterns = [() => true, () => false, (row: number, column: number) => (row + column) % 2 === 0]
    const shape = weightShape(form)
    const taps = form.kernel[0]!
    const weights = patterns.slice(1).map((isHigh): Tensor => {
      const at = (i: number): number => (isHigh(Math.floor(i / taps) % taps, i % taps) ? 127 : -128)
      return { dtype: 'i8', shape, data: Int8Array.from({ length: elementCount(shape) }, (_, i) => at(i)) }
    })
    const x = inputOf('x', 'u8', form.x)
    const z = inputOf('z', 'i8', form.x)
    const sums = weights.flatMap((w) => [convolutionOf(x, form, 0, w), convolutionOf(z, form, 0, w)])
    for (const isHigh of patterns) {
      const data = (dtype: Byte, low: number): Tensor => {
        const values = allocate(dtype, rows! * columns! * channels!)
        for (let i = 0; i < values.length; i++) {
          const pixel = Math.floor(i / channels!)
          values[i] = low + (isHigh(Math.floor(pixel / columns!), pixel % columns!) ? 255 : 0)
        }
        return { dtype, shape: form.x, data: values }
      }
      const kernels = await expectExact([x, z], sums, [data('u8', 0), data('i8', -128)])
      expect(new Set(kernels.filter((k) => k.startsWith('u8_')))).toEqual(new Set([kernelOf(name)]))
    }
  })

  it('is no Winograd where sums could run over', async () => {
    const form: Form = { x: [1, 6, 6, 1832], kernel: [3, 3], outputs: 8 }
    const x = inputOf('x', 'u8', form.x)
    const data: Tensor = { dtype: 'u8', shape: form.x, data: new Uint8Array(elementCount(form.x)).fill(255) }
    const kernels = await expectExact([x], [convolutionOf(x, form, 0)], [data])
    expect(kernels).toEqual(['u8_igemm_i16_4x8'])
  })

  it.each(['3×3', 'Winograd'])('%s adds a second operand of bytes, and one for each pixel', async (name) => {
    const form = forms[name]!
    const [images, rows, columns] = form.x
    const x = inputOf('x', 'i8', form.x)
    const whole = [images!, rows!, columns!, form.outputs]
    const pixels = [images!, rows!, columns!, 1]
    const other = inputOf('other', 'i8', whole)
    const each = inputOf('each', 'i32', pixels)
    const scale = b.scalar(0.02, 'f32')
    const sum = b.map([convolutionOf(x, form, 0), other, scale], (s, o, m) =>
      saturated(f.add(f.mul(convert(s!, 'f32'), 1e-3), dequantized(o!, m!, undefined)), undefined, 'i8'),
    )
    const less = b.map([convolutionOf(x, form, 0), each, scale], (s, e, m) =>
      saturated(f.mul(convert(f.sub(s!, f.mul(e!, 3)), 'f32'), f.mul(m!, 0.1)), undefined, 'i8'),
    )
    const data = Int32Array.from({ length: elementCount(pixels) }, () => random.int(2000))
    const kernels = await expectExact(
      [x, other, each],
      [sum, less],
      [bytes('i8', form.x), bytes('i8', whole), { dtype: 'i32', shape: pixels, data: data as TypedArray }],
    )
    // The input is copied into its border, once.
    expect(kernels.filter((k) => k === 'nest')).toHaveLength(1)
  })
})

it('second operands of two types, in one module', async () => {
  const form = forms['3×3']!
  const whole = [1, form.x[1]!, form.x[2]!, form.outputs]
  const x = inputOf('x', 'u8', form.x)
  const others = (['i8', 'u8'] as const).map((dtype) => inputOf(dtype, dtype, whole))
  const sums = others.map((other) =>
    b.map([convolutionOf(x, form, 0), other, b.scalar(0.02, 'f32')], (s, o, m) =>
      saturated(f.add(f.mul(convert(s!, 'f32'), 1e-3), dequantized(o!, m!, undefined)), undefined, 'i8'),
    ),
  )
  await expectExact([x, ...others], sums, [bytes('u8', form.x), bytes('i8', whole), bytes('u8', whole)])
})

describe('8-bit convolution beside what it reads', () => {
  const channels = 8
  const form: Form = { x: [1, 6, 6, channels], kernel: [3, 3], outputs: channels, pad: 1 }
  it.each(['i8', 'u8'] as const)('adds its own operand of %s', async (dtype) => {
    const x = inputOf('x', dtype, form.x)
    const y = requantized(convolutionOf(x, form, 3), channels, dtype, 3)
    const sum = (v: Value): Value =>
      b.map([convolutionOf(v, form, 3), v, b.scalar(0.02, 'f32')], (s, e, m) =>
        saturated(f.add(f.mul(convert(s!, 'f32'), 1e-3), dequantized(e!, m!, undefined)), undefined, dtype),
      )
    await expectExact([x], [sum(x), b.convert(sum(y), 'i32')], [bytes(dtype, form.x)])
  })

  it.each(['i8', 'u8'] as const)('leaves its input as it was: %s', async (dtype) => {
    const x = inputOf('x', dtype, [1, 5, 5, 20])
    const tall: Form = { x: [1, 5, 5, 20], kernel: [1, 1], outputs: 24 }
    const products = [1, 2].map(() => convolutionOf(x, tall, 0))
    await expectExact([x], [...products, b.transpose(x, [0, 2, 1, 3])], [bytes(dtype, [1, 5, 5, 20])])
  })
})

describe('8-bit matrix product', () => {
  it.each([
    [1, 128, 128],
    [2, 70, 90],
    [1, 37, 117],
    [5, 12, 40],
    [9, 64, 21],
  ])('%i × %i × %i, exact on every engine', async (M, K, N) => {
    for (const dtype of ['i8', 'u8'] as const) {
      const x = inputOf('x', dtype, [M, K])
      const w = b.constant(bytes('i8', [K, N]))
      const sum = b.dotGeneral(x, w, { lhsBatch: [], rhsBatch: [], lhsContract: [1], rhsContract: [0] })
      const kernels = await expectExact([x], [requantized(sum, N, dtype, 1)], [bytes(dtype, [M, K])])
      const small = M * K * N < 2048
      expect(kernels.some((k) => k.startsWith('u8_'))).toBe(!small)
    }
  })
})
