import { afterAll, describe, expect, it } from 'vitest'
import { Builder } from '../../compiler/core/builder.ts'
import { evaluate } from '../../compiler/core/evaluate.ts'
import * as f from '../../compiler/core/scalar/formula.ts'
import type { Value } from '../../compiler/core/graph.ts'
import { trivialWindow } from '../../compiler/core/ops/window.ts'
import { dequantized } from '../../compiler/core/scalar/quantization.ts'
import { elementCount } from '../../compiler/core/shape.ts'
import { tensorOf, toNumbers, type Tensor } from '../../compiler/core/tensor.ts'
import { channelsLastAxes } from '../../compiler/passes/channels-last.ts'
import { compileGraph } from '../../compiler/pipeline.ts'
import { childInstance, findCurrentNode } from '../../compiler/verify/child-instance.ts'
import { Random } from '../support/random.ts'
import { graphOf, inputOf, runModule } from '../support/run-graph.ts'

const b = new Builder(undefined)
const random = new Random(11)
const current = findCurrentNode()
const newest = current && childInstance(current)
afterAll(() => newest?.close())

type Stored = 'i8' | 'u8' | 'i4' | 'u4'
const lowest = { i8: -128, u8: 0, i4: -8, u4: 0 }
const steps = { i8: 256, u8: 256, i4: 16, u4: 16 }

/** All values of the type, the extremes often; with `symmetric` not the lowest of 8 bits, which stands for −128. */
function stored(dtype: Stored, shape: readonly number[], symmetric: boolean): Value {
  const less = symmetric && steps[dtype] === 256 ? 1 : 0
  const [low, count] = [lowest[dtype] + less, steps[dtype] - less]
  const values = Array.from({ length: elementCount(shape) }, (_, i) =>
    i % 5 === 0 ? random.pick([low, low + count - 1]) : low + random.int(count),
  )
  return b.constant(tensorOf(dtype, shape, values))
}

/** Weights with a scale for each index of `axis`; powers of two, so that no product or sum of few bits is rounded. */
function weights(dtype: Stored, shape: readonly number[], axis: number, symmetric = false): Value {
  const along = shape.map((d, i) => (i === axis ? d : 1))
  const scales = Array.from({ length: shape[axis]! }, () => 2 ** -(3 + random.int(4)))
  const q = stored(dtype, shape, symmetric)
  const scale = b.constant(tensorOf('f32', along, scales))
  const zero = dtype.startsWith('u') ? b.scalar(dtype === 'u8' ? 128 : 8, dtype) : undefined
  return b.map(zero ? [q, scale, zero] : [q, scale], (e, s, z) => dequantized(e!, s!, z))
}

const whole = (shape: readonly number[], most: number): Tensor =>
  tensorOf(
    'f32',
    shape,
    Array.from({ length: elementCount(shape) }, () => random.int(2 * most + 1) - most),
  )

interface Built {
  readonly x: Value
  readonly y: Value
}

/** Runs on every engine there is, which must give the evaluator's bits where `error` is 0: there is nothing to round. */
async function expectEqual({ x, y }: Built, error = 0) {
  const graph = graphOf([x], [y])
  const inputs = { x: whole(x.type.shape, 6) }
  const expected = toNumbers(evaluate(graph, inputs).y0!)
  const { modules, spec, report } = await compileGraph(graph)
  const check = ({ y0 }: Record<string, Tensor>): void => {
    const values = toNumbers(y0!)
    if (error === 0) expect(values).toEqual(expected)
    else expect(Math.max(...values.map((v, i) => Math.abs(v - expected[i]!)))).toBeLessThan(error)
  }
  check(runModule(modules.simd!, spec, inputs))
  if (newest) {
    await newest.load(modules['relaxed-simd']!, spec)
    check(await newest.run(inputs))
  }
  return { kernels: report.kernels.map((k) => k.kernel), report }
}

function matrix(dtype: Stored, rows: number, K: number, N: number, symmetric = false): Built {
  const x = inputOf('x', 'f32', [rows, K])
  const contract = { lhsBatch: [], rhsBatch: [], lhsContract: [1], rhsContract: [0] }
  const product = b.dotGeneral(x, weights(dtype, [K, N], 1, symmetric), contract)
  const bias = b.constant(whole([N], 9))
  return { x, y: b.map([product, bias], (e, c) => f.max(f.add(e!, c!), -4)) }
}

interface Shape {
  readonly image: readonly [number, number]
  readonly channels: number
  readonly outputs: number
  readonly kernel: readonly [number, number]
  readonly groups?: number
  readonly stride?: number
}

function convolution(
  dtype: Stored,
  { image, channels, outputs, kernel, groups = 1, stride = 1 }: Shape,
  symmetric: boolean,
): Built {
  const x = inputOf('x', 'f32', [1, ...image, channels])
  const w = weights(dtype, [outputs, ...kernel, channels / groups], 0, symmetric)
  const window = kernel.map((size) => {
    const pad = Math.floor(size / 2)
    return { ...trivialWindow, size, stride, low: pad, high: pad }
  })
  const axes = channelsLastAxes(2)
  const y = b.convolution(x, w, {
    ...{ lhs: axes, out: axes, window, groups },
    rhs: { output: 0, spatial: [1, 2], input: 3 },
  })
  return { x, y: b.map([y, b.constant(whole([outputs], 9))], (e, c) => f.add(e!, c!)) }
}

/** What rounding may make of a sum of so many products of 6 and 16 at most, in f32. */
const sumError = (products: number): number => products * 6 * 16 * 2 ** -22

describe.each(['i8', 'u8', 'i4', 'u4'] as const)('weights of %s', (dtype) => {
  it.each([
    [1, 40, 40],
    [1, 65, 50],
    [2, 133, 9],
    [3, 37, 21],
    [70, 40, 16],
  ])('are multiplied as they are stored: %i × %i × %i', async (rows, K, N) => {
    const isGemv = rows < 3
    const { kernels, report } = await expectEqual(matrix(dtype, rows, K, N, isGemv), isGemv ? sumError(K) : 0)
    expect(kernels).toEqual([isGemv ? 'f32_qcw_gemv_1x16' : 'f32_qcw_igemm_4x8'])
    const bits = dtype.endsWith('4') ? 4 : 8
    const columns = Math.ceil(N / 8) * 8
    expect(report.weights).toBeLessThanOrEqual((columns * (K + 3) * bits) / 8 + columns * 8 + 48)
  })

  it.each<[string, Shape, readonly string[]]>([
    ['3 × 3', { image: [5, 7], channels: 12, outputs: 20, kernel: [3, 3] }, ['f32_qcw_igemm_4x8']],
    [
      'strided, of an odd number of rows',
      { image: [9, 7], channels: 13, outputs: 11, kernel: [3, 3], stride: 2 },
      ['f32_qcw_igemm_4x8'],
    ],
    ['groups', { image: [6, 6], channels: 24, outputs: 30, kernel: [3, 3], groups: 2 }, ['f32_qcw_igemm_4x8']],
    ['one pixel', { image: [1, 1], channels: 130, outputs: 20, kernel: [1, 1] }, ['f32_qcw_gemv_1x16']],
    [
      'by Winograd',
      { image: [10, 10], channels: 16, outputs: 24, kernel: [3, 3] },
      ['f32_qcw_expand', 'f32_winograd_2x2'],
    ],
    ['depthwise', { image: [6, 9], channels: 300, outputs: 300, kernel: [3, 3], groups: 300 }, ['f32_dwconv_3x3']],
  ])('go through a convolution: %s', async (_, shape, wanted) => {
    const isGemv = wanted[0] === 'f32_qcw_gemv_1x16'
    const { kernels } = await expectEqual(convolution(dtype, shape, isGemv), isGemv ? sumError(shape.channels) : 0)
    expect(kernels.filter((k) => k.startsWith('f32'))).toEqual(wanted)
  })
})

it('takes −128 to the other kernel', async () => {
  for (const dtype of ['i8', 'u8'] as const) {
    const { kernels } = await expectEqual(matrix(dtype, 1, 60, 40))
    expect(kernels).toEqual(['f32_qcw_igemm_4x8'])
  }
})

describe('weights that several products share', () => {
  it('are not expanded into memory', async () => {
    const x = inputOf('x', 'f32', [5, 40])
    const w = weights('i8', [40, 40], 1)
    const contract = { lhsBatch: [], rhsBatch: [], lhsContract: [1], rhsContract: [0] }
    const { kernels } = await expectEqual({
      x,
      y: b.binary('add', b.dotGeneral(x, w, contract), b.dotGeneral(b.unary('abs', x), w, contract)),
    })
    expect(kernels.filter((k) => k !== 'nest')).toEqual(['f32_qcw_igemm_4x8', 'f32_qcw_igemm_4x8'])
  })
})

describe('weights that no kernel takes as they are', () => {
  it.each([
    ['scales along another axis', (): Value => weights('i8', [64, 40], 0)],
    [
      'a zero point that 8 bits do not hold',
      (): Value => {
        const q = b.constant(
          tensorOf(
            'u8',
            [64, 40],
            Array.from({ length: 2560 }, (_, i) => i % 256),
          ),
        )
        return b.map([q, b.scalar(0.5, 'f32'), b.scalar(3, 'u8')], (e, s, z) => dequantized(e!, s!, z))
      },
    ],
  ] as const)('become floats first: %s', async (_, make) => {
    const x = inputOf('x', 'f32', [64, 64])
    const contract = { lhsBatch: [], rhsBatch: [], lhsContract: [1], rhsContract: [0] }
    const { kernels } = await expectEqual({ x, y: b.dotGeneral(x, make(), contract) })
    expect(kernels).toContain('f32_igemm_4x8')
  })
})
