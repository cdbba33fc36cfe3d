import { describe, expect, it } from 'vitest'
import { Builder } from '../../compiler/core/builder.ts'
import type { DType, SmallFloat } from '../../compiler/core/scalar/dtype.ts'
import { evaluate } from '../../compiler/core/evaluate.ts'
import type { Narrowing } from '../../compiler/core/scalar/small-float.ts'
import { bytesOf, tensor, tensorOf, toNumbers, type Tensor } from '../../compiler/core/tensor.ts'
import { compileGraph } from '../../compiler/pipeline.ts'
import { Random } from '../support/random.ts'
import { graphOf, inputOf, runModule } from '../support/run-graph.ts'

/** The value of each bit pattern, from the formats' definitions. */
function valuesOf(dtype: SmallFloat): number[] {
  if (dtype === 'f8e8m0') return Array.from({ length: 256 }, (_, i) => (i === 255 ? NaN : 2 ** (i - 127)))
  const uz = dtype.endsWith('uz')
  const [exponents, mantissas] = { f8e4: [4, 3], f8e5: [5, 2], f4e2: [2, 1] }[dtype.slice(0, 4)] as [number, number]
  const bias = 2 ** (exponents - 1) - 1 + (uz ? 1 : 0)
  const half = 2 ** (exponents + mantissas)
  return Array.from({ length: 2 * half }, (_, bits) => {
    const exponent = (bits % half) >> mantissas
    const mantissa = (bits % 2 ** mantissas) / 2 ** mantissas
    const sign = bits >= half ? -1 : 1
    if (uz && bits === half) return NaN
    if (dtype === 'f8e4m3fn' && bits % half === half - 1) return NaN
    if (dtype === 'f8e5m2' && exponent === 31) return mantissa ? NaN : sign * Infinity
    return sign * (exponent === 0 ? mantissa * 2 ** (1 - bias) : (1 + mantissa) * 2 ** (exponent - bias))
  })
}

/** The value next to `x`, of two as near the one with even bits; saturating. */
function nearest(x: number, values: readonly number[]): number {
  const finite = values.map((v, bits) => ({ v, bits })).filter(({ v }) => Number.isFinite(v))
  const clamped = Math.max(Math.min(...finite.map((c) => c.v)), Math.min(Math.max(...finite.map((c) => c.v)), x))
  const distance = (c: { v: number }): number => Math.abs(c.v - clamped)
  return finite.reduce((a, b) => {
    if (distance(a) !== distance(b)) return distance(a) < distance(b) ? a : b
    return a.bits % 2 === 0 ? a : b
  }).v
}

async function bothWays(x: Tensor, to: DType, narrowing?: Narrowing): Promise<Tensor> {
  const input = inputOf('x', x.dtype, x.shape)
  const graph = graphOf([input], [new Builder(undefined).convert(input, to, narrowing)])
  const expected = evaluate(graph, { x }).y0!
  const { modules, spec } = await compileGraph(graph, { targets: ['simd'] })
  const actual = runModule(modules.simd!, spec, { x }).y0!
  expect(actual.dtype).toBe(to)
  if (to === 'f32') expect(toNumbers(actual)).toEqual(toNumbers(expected))
  else expect(bytesOf(actual)).toEqual(bytesOf(expected))
  return expected
}

const formats = ['f8e4m3fn', 'f8e4m3fnuz', 'f8e5m2', 'f8e5m2fnuz', 'f8e8m0', 'f4e2m1'] as const

/** Values of the format, points half way between and just beside them, and random ones over a wide range. */
function interesting(values: readonly number[]): number[] {
  const finite = [...new Set(values.filter(Number.isFinite))].sort((a, b) => a - b)
  const between = finite.slice(1).map((v, i) => (v + finite[i]!) / 2)
  const random = new Random(1)
  const wide = Array.from({ length: 200 }, () => (random.float() - 0.5) * 2 ** (random.int(60) - 30))
  const points = [...finite, ...between, ...between.map((v) => v * (1 + 2 ** -20)), ...wide]
  return [...points.map(Math.fround), finite.at(-1)! * 1.5, -1e30, 1e30, Infinity, -Infinity]
}

describe.each(formats)('%s', (dtype) => {
  const values = valuesOf(dtype)

  it('reads every bit pattern, evaluated and compiled', async () => {
    const x = tensor(
      dtype,
      [values.length],
      Uint8Array.from(values, (_, i) => i),
    )
    expect(toNumbers(x)).toEqual(values)
    expect(toNumbers(await bothWays(x, 'f32'))).toEqual(values)
    // One element alone takes scalar code.
    const one = tensor(dtype, [], Uint8Array.of(3))
    expect(toNumbers(await bothWays(one, 'f32'))).toEqual([values[3]])
  })

  it('writes the nearest value', async () => {
    if (dtype === 'f8e8m0') return
    const points = interesting(values)
    const written = await bothWays(tensorOf('f32', [points.length], points), dtype)
    expect(toNumbers(written)).toEqual(points.map((x) => nearest(x, values)).map((v) => expect.closeTo(v, 12)))
    const one = await bothWays(tensorOf('f32', [], [1.3]), dtype)
    expect(toNumbers(one)).toEqual([nearest(1.3, values)])
  })
})

describe('what lies beyond a format', () => {
  const beyond = [Infinity, -Infinity, 1e6, NaN, -0]
  const x = tensorOf('f32', [5], beyond)

  it('saturates', async () => {
    expect(bytesOf(await bothWays(x, 'f8e4m3fn'))).toEqual(Uint8Array.of(0x7e, 0xfe, 0x7e, 0x7f, 0x80))
    expect(bytesOf(await bothWays(x, 'f8e5m2fnuz'))).toEqual(Uint8Array.of(0x7f, 0xff, 0x7f, 0x80, 0))
    expect(bytesOf(await bothWays(x, 'f4e2m1'))).toEqual(Uint8Array.of(7, 15, 7, 8, 8))
  })

  it('is infinite or NaN where it must not saturate', async () => {
    const open = { saturate: false }
    expect(bytesOf(await bothWays(x, 'f8e4m3fn', open))).toEqual(Uint8Array.of(0x7f, 0xff, 0x7f, 0x7f, 0x80))
    expect(bytesOf(await bothWays(x, 'f8e5m2', open))).toEqual(Uint8Array.of(0x7c, 0xfc, 0x7c, 0x7f, 0x80))
    expect(bytesOf(await bothWays(x, 'f8e4m3fnuz', open))).toEqual(Uint8Array.of(0x80, 0x80, 0x80, 0x80, 0))
  })
})

describe('powers of two', () => {
  const x = tensorOf('f32', [6], [1, 1.25, 1.5, 3, 2 ** -128, Math.fround(3.4e38)])

  it.each([
    ['up', [127, 128, 128, 129, 1, 254]],
    ['down', [127, 127, 127, 128, 0, 254]],
    ['nearest', [127, 127, 128, 129, 0, 254]],
  ] as const)('round %s', async (rounding, bits) => {
    expect([...bytesOf(await bothWays(x, 'f8e8m0', { rounding }))]).toEqual(bits)
  })

  it('have no sign, no infinity and no zero', async () => {
    const others = tensorOf('f32', [4], [-4, Infinity, NaN, 0])
    expect([...bytesOf(await bothWays(others, 'f8e8m0'))]).toEqual([129, 255, 255, 0])
  })
})

describe('integers of 4 and 2 bits', () => {
  const x = tensorOf('f32', [9], [-9, -8.7, -1, 0.9, 1, 3, 7, 8, 17])

  it.each([
    ['i4', [7, -8, -1, 0, 1, 3, 7, -8, 1]],
    ['u4', [7, 8, 15, 0, 1, 3, 7, 8, 1]],
    ['i2', [-1, 0, -1, 0, 1, -1, -1, 0, 1]],
    ['u2', [3, 0, 3, 0, 1, 3, 3, 0, 1]],
  ] as const)('%s wraps', async (dtype, values) => {
    const narrow = await bothWays(x, dtype)
    expect(toNumbers(narrow)).toEqual(values)
    expect(toNumbers(await bothWays(narrow, 'f32'))).toEqual(values)
    expect(toNumbers(await bothWays(narrow, 'i32'))).toEqual(values)
  })
})
