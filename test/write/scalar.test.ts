import { describe, expect, it } from 'vitest'
import { Builder } from '../../compiler/core/builder.ts'
import {
  integerRange,
  isBigInt,
  isFloat,
  isInteger,
  type DType,
  type Scalar,
} from '../../compiler/core/scalar/dtype.ts'
import {
  arithmeticOps,
  arg,
  binary,
  bitcast,
  compareOps,
  convert,
  select,
  unary,
  unaryOps,
  type Expr,
} from '../../compiler/core/scalar/expr.ts'
import type { Value } from '../../compiler/core/graph.ts'
import { normalize } from '../../compiler/core/scalar/scalar.ts'
import { tensorOf, type Tensor } from '../../compiler/core/tensor.ts'
import { graphOf, inputOf } from '../support/run-graph.ts'
import { decodeModel } from '../../compiler/onnx/decode.ts'
import { writeModel } from '../../compiler/onnx/write/index.ts'
import { expectWritten } from './judge.ts'

const b = new Builder(undefined)
const types = ['f32', 'f64', 'bool', 'i8', 'u8', 'i16', 'u16', 'i32', 'u32', 'i64', 'u64'] as const

/** Values at which semantics differ: ends of the range, what follows them, 0, -1, NaN. */
function edges(dtype: DType): Scalar[] {
  if (dtype === 'bool') return [0, 1]
  if (isFloat(dtype))
    return [0, -0, 1, -1, 0.5, -0.5, 2.5, -2.5, 3.75, 1e10, -1e10, 1e20, -1e20, NaN, Infinity, -Infinity]
  const { min, max } = integerRange(dtype)
  const all = [min, min + 1n, max, max - 1n, 0n, 1n, -1n, 2n, 3n, 7n, 8n, -8n, 31n, 33n, 64n, 100n, max / 3n, min / 5n]
  return [...new Set(all.map((v) => normalize(dtype, v)))].map((v) => (isBigInt(dtype) ? BigInt(v) : Number(v)))
}

const legal = (make: () => Expr): Expr | undefined => {
  try {
    return make()
  } catch (error) {
    if (error instanceof TypeError) return undefined
    throw error
  }
}

/** Writes one map for each expression over the same operands. */
async function expectMaps(all: readonly Expr[], operands: readonly Tensor[], tolerance: number): Promise<void> {
  const inputs = operands.map((t, i) => inputOf(`x${i}`, t.dtype, t.shape))
  const used = (e: Expr): Value => b.map(inputs, () => e)
  const given = Object.fromEntries(operands.map((t, i) => [`x${i}`, t]))
  expect(all.length).toBeGreaterThan(0)
  await expectWritten(graphOf(inputs, all.map(used)), given, { tolerance })
}

const column = (dtype: DType, values: readonly Scalar[]): Tensor => tensorOf(dtype, [values.length, 1], values)
const row = (dtype: DType, values: readonly Scalar[]): Tensor => tensorOf(dtype, [values.length], values)

/** ONNX says nothing of NaN and of which of 0 and -0 is the greater. */
const ordered = (values: readonly Scalar[]): Scalar[] => values.filter((v) => !Number.isNaN(v))

/** Functions that runtimes compute as precisely as they like. */
const exactUnary = ['neg', 'abs', 'not', 'ceil', 'floor', 'trunc', 'round', 'sqrt'] as const

const clamped = (x: Expr, low: number, high: number): Expr => {
  const limit = (value: number): Expr => ({ kind: 'const', dtype: x.dtype, value })
  return binary('min', binary('max', x, limit(low)), limit(high))
}

describe('scalar functions as ONNX', () => {
  it.each(types)('unary of %s', async (dtype) => {
    const all = exactUnary.flatMap((op) => legal(() => unary(op, arg(0, dtype))) ?? [])
    await expectMaps(all, [row(dtype, edges(dtype))], 0)
  })

  it('functions of f32', async () => {
    const all = unaryOps.flatMap((op) => (exactUnary.includes(op as never) ? [] : [unary(op, arg(0, 'f32'))]))
    await expectMaps(all, [row('f32', [-0.9, -0.3, 0, 0.2, 0.7, 1, 1.5, 3])], 1e-5)
  })

  it.each(types)('arithmetic of %s', async (dtype) => {
    const ops = arithmeticOps.filter((op) => !(isFloat(dtype) && (op === 'max' || op === 'min' || op === 'pow')))
    const all = ops.flatMap((op) => legal(() => binary(op, arg(0, dtype), arg(1, dtype))) ?? [])
    await expectMaps(all, [column(dtype, edges(dtype)), row(dtype, edges(dtype))], 0)
  })

  it.each(types)('comparisons of %s', async (dtype) => {
    const all = compareOps.map((op) => binary(op, arg(0, dtype), arg(1, dtype)))
    await expectMaps(all, [column(dtype, edges(dtype)), row(dtype, edges(dtype))], 0)
  })

  it.each(['f32', 'f64'] as const)('max, min and pow of %s', async (dtype) => {
    const [x, y] = [arg(0, dtype), arg(1, dtype)]
    const values = ordered(edges(dtype))
    await expectMaps([binary('max', x, y), binary('min', x, y)], [column(dtype, values), row(dtype, values)], 0)
    const bases = row(dtype, [0.5, 1, 2, 3])
    await expectMaps([binary('pow', x, y)], [column(dtype, [-2, 0, 0.5, 2]), bases], 1e-5)
  })

  it.each(types)('select between %s', async (dtype) => {
    const values = edges(dtype)
    const operands = [tensorOf('bool', [2, 1], [0, 1]), row(dtype, values), row(dtype, [...values].reverse())]
    await expectMaps([select(arg(0, 'bool'), arg(1, dtype), arg(2, dtype))], operands, 0)
  })

  it.each(types)('conversions of %s', async (dtype) => {
    const all = types.flatMap((to) => (to === dtype ? [] : [convert(arg(0, dtype), to)]))
    await expectMaps(all, [row(dtype, edges(dtype))], 0)
  })

  it.each([
    ['f32', 'i32'],
    ['i32', 'f32'],
    ['u32', 'i32'],
    ['i8', 'u8'],
    ['u16', 'i16'],
    ['i64', 'u64'],
    ['f64', 'i64'],
  ] as const)('bits of %s as %s', async (from, to) => {
    await expectMaps([bitcast(arg(0, from), to)], [row(from, ordered(edges(from)))], 0)
  })

  it('divides by constants without a guard, and by those that need one', async () => {
    for (const divisor of [3n, 0n, -1n]) {
      const by = { kind: 'const', dtype: 'i64', value: divisor } as const
      const all = [binary('div', arg(0, 'i64'), by), binary('rem', arg(0, 'i64'), by)]
      await expectMaps(all, [row('i64', edges('i64'))], 0)
    }
  })

  /** Runtimes differ in what they make of what Cast leaves open: the judge gives what core does, others do not. */
  it.each<[string, Expr, string]>([
    ['anything', arg(0, 'f32'), 'IsNaN Where Cast Clip Cast BitwiseAnd BitwiseXor Add Cast'],
    ['what is clamped', clamped(arg(0, 'f32'), -128, 127), 'Clip IsNaN Where Cast'],
    [
      'what is clamped by more than the type',
      clamped(arg(0, 'f32'), -1000, 1000),
      'Clip IsNaN Where Cast BitwiseAnd BitwiseXor Add Cast',
    ],
    [
      'what was a byte',
      convert(convert(arg(0, 'f32'), 'u8'), 'f32'),
      'IsNaN Where Cast Clip Cast BitwiseAnd Cast Cast Cast BitwiseAnd BitwiseXor Add Cast',
    ],
  ])('converts %s to an integer without Cast having to decide', (_, e, expected) => {
    const x = inputOf('x', 'f32', [4])
    const bytes = writeModel(graphOf([x], [b.map([x], () => convert(e, 'i8'))]))
    const operators = decodeModel(bytes).graph.nodes.map((n) => n.operator)
    expect(operators.join(' ')).toBe(expected)
  })

  it('has conversions of 16-bit floats', async () => {
    const all = [binary('mul', convert(arg(0, 'f16'), 'f32'), convert(arg(0, 'f16'), 'f32'))]
    await expectMaps([...all, convert(all[0]!, 'f16')], [row('f16', [0, 1, -2.5, 1000])], 0)
    expect(isInteger('f16')).toBe(false)
  })
})
